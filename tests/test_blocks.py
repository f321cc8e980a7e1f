"""HTML blocks: what is shown of them is text and links, whatever an owner writes."""

import re

import pytest

from waitroom.blocks import TAGS, check_block, render_block
from waitroom.clock import monotonic_s

LANGUAGES = ["de", "en"]


def shown(text: str, title: str = "The Fair", language: str = "en") -> str:
    return render_block(text, name="fair", title=title, language=language)


def refused(text: str) -> str:
    with pytest.raises(ValueError) as e:
        check_block(text, LANGUAGES)
    return str(e.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (
            "<p>{{ room.title }} / {{ room.name }} / {{ language }}</p>",
            "<p>The Fair / fair / en</p>",
        ),
        ("{{ room.title | upper }}", "THE FAIR"),
        ("{% if language == 'de' %}Hallo{% elif room.title %}Hi{% endif %}", "Hi"),
        ("{{ 'a' if language in ['en', 'fr'] else 'b' }}", "a"),
        (
            '<a href="https://x.example/?a=1&amp;b=2">Help</a>',
            '<a href="https://x.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">'
            "Help</a>",
        ),
        ('<p class="big" lang="fr">Salut</p>', '<p class="big" lang="fr">Salut</p>'),
    ],
)
def test_a_good_block_is_shown_as_it_is(text: str, expected: str) -> None:
    assert check_block(text, LANGUAGES) == text
    assert shown(text) == expected


#: What somebody may try -> a word of the reason.
HOSTILE = {
    "<script>alert(1)</script>": "<script> is not allowed",
    "<SCRIPT src=//evil.example></SCRIPT>": "<script> is not allowed",
    "<img src=x onerror=alert(1)>": "<img> is not allowed",
    "<svg onload=alert(1)>": "<svg> is not allowed",
    "<iframe src=https://evil.example>": "<iframe> is not allowed",
    "<form action=/leave><input></form>": "<form> is not allowed",
    "<button form=x>": "<button> is not allowed",
    "<style>main{display:none}</style>": "<style> is not allowed",
    "<link rel=stylesheet href=//evil.example>": "<link> is not allowed",
    "<meta http-equiv=refresh content='0;url=//evil.example'>": "<meta> is not allowed",
    "<base href=//evil.example>": "<base> is not allowed",
    "<object data=x>": "<object> is not allowed",
    "<math><mi xlink:href=x>": "<math> is not allowed",
    "<template><b>": "<template> is not allowed",
    "<video src=//evil.example>": "<video> is not allowed",
    "<b onclick=alert(1)>x</b>": "onclick is not allowed",
    "<b style='position:fixed'>x</b>": "style is not allowed",
    "<p id=position>1</p>": "id is not allowed",
    "<a name=position>1</a>": "name is not allowed",
    "<p hidden>x</p>": "hidden is not allowed",
    "<a href='javascript:alert(1)'>x</a>": "starts with https:",
    "<a href=' jAvascript:alert(1)'>x</a>": "starts with https:",
    "<a href='java&#10;script:alert(1)'>x</a>": "starts with https:",
    "<a href='data:text/html,x'>x</a>": "starts with https:",
    "<a href='http://x.example'>x</a>": "starts with https:",
    "<a href='//evil.example'>x</a>": "starts with https:",
    "<a href='/logout'>x</a>": "starts with https:",
    "<a target=_top href='https://x.example'>x</a>": "target is not allowed",
    "{% if language == 'de' %}<script>alert(1)</script>{% endif %}": "<script> is not allowed",
    "{{ 7 * 7 }}": "mul is not allowed",
    "{{ 'x' * 999999999 }}": "mul is not allowed",
    "{{ 'a' ~ 'b' }}": "concat is not allowed",
    "{% for i in range(999999999) %}x{% endfor %}": "for is not allowed",
    "{{ range(9) }}": "call is not allowed",
    "{{ ''.__class__.__mro__ }}": "not known",
    "{{ room.__init__ }}": "not known",
    "{{ room['title'] }}": "getitem is not allowed",
    "{{ config }}": "config is not known",
    "{{ room }}": "room is not known; a block may name room.title",
    "{{ room | upper }}": "room is not known",
    "{{ language.title }}": "language.title is not known",
    "{{ self }}": "self is not known",
    "{{ room.title | safe }}": "safe is not allowed",
    "{{ room | attr('__class__') }}": "attr is not allowed",
    "{{ room.title | replace('a', 'b') }}": "replace is not allowed",
    "{% include 'index.html' %}": "include is not allowed",
    "{% import 'x' as y %}": "import is not allowed",
    "{% macro a() %}{% endmacro %}": "macro is not allowed",
    "{% set room = 1 %}": "assign is not allowed",
    "{% if language is defined %}x{% endif %}": "test is not allowed",
    "{% autoescape false %}{{ room.title }}{% endautoescape %}": "is not",
    "{% if %}": "no template",
    "{% if language < 3 %}x{% endif %}": "no template",
    "{{ 'a' in 5 }}": "no template",
    "{{ room.title | trim(5, 6, 7) }}": "no template",
    "{% if 1 %}" * 400 + "{% endif %}" * 400: "no template",
    "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}": "no template",
    "{{ " + "not " * 1_900 + "1 }}": "no template",
    "{{ ": "no template",
    "{{ room.titel }}": "room.titel is not known; a block may name room.title, room.name, language",
}


@pytest.mark.parametrize(("text", "word"), HOSTILE.items(), ids=lambda text: text[:60])
def test_a_hostile_block_is_refused_with_the_reason(text: str, word: str) -> None:
    assert word in refused(text)


@pytest.mark.parametrize("text", [text for text in HOSTILE if "{" not in text])
def test_what_would_slip_through_the_check_is_sanitised(text: str) -> None:
    html = shown(text)
    tags = re.findall(r"<(?!/)([^\s>]+)([^>]*)>", html)
    assert {name for name, _ in tags} <= TAGS
    for _, attributes in tags:
        for name, value in re.findall(r"([\w-]+)=\"([^\"]*)\"", attributes):
            assert name in {"href", "class", "dir", "lang", "title", "target", "rel"}
            assert name != "href" or value.startswith("https:")


def test_a_block_that_fails_with_another_title_is_left_out() -> None:
    text = "Hi{% if room.title == 'Fair' %}{% if 1 < 'a' %}x{% endif %}{% endif %}"
    assert check_block(text, LANGUAGES) == text
    assert (shown(text, "Fun"), shown(text, "Fair")) == ("Hi", "")


def test_tags_nested_without_end_are_read_in_no_time() -> None:
    for tag in ("<b>", "<ul><li>", "<table><tr><td>", "<a href='https://x'>"):
        text = tag * (8_000 // len(tag))
        began_s = monotonic_s()
        check_block(text, LANGUAGES)
        shown(text)
        assert monotonic_s() - began_s < 5


@pytest.mark.parametrize("start", ["<a ", "<b title=", "</b ", "<!--", "<!", "<?"])
def test_a_tag_without_end_is_refused_and_not_read_again_and_again(start: str) -> None:
    began_s = monotonic_s()
    assert "has no end" in refused("<p>Welcome</p>\n" + start * (7_900 // len(start)))
    assert monotonic_s() - began_s < 5


def test_the_title_is_text_whatever_it_holds() -> None:
    title = "<script>alert(1)</script>\"'&{{ language }}"
    html = shown("<p title='{{ room.title }}'>{{ room.title }}</p>", title)
    assert "<script" not in html and "{{ language }}" in html and "&lt;script&gt;" in html


def test_the_refusal_names_the_line() -> None:
    assert refused("<p>one</p>\n<p>two</p>\n<iframe>").startswith("line 3:")
    assert refused("one\n{% for x in y %}{% endfor %}").startswith("line 2:")
