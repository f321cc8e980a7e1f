"""An owner's HTML blocks: a template of a few variables, and of the tags that only show text.

A template can name its variables and choose between texts (``{% if language == "de" %}``); it
has no loops, calls or arithmetic, so it always ends, and nothing to reach into. What it makes is
checked for what an owner would miss, and then sanitised whatever the check has said.
"""

from collections.abc import Iterator
from functools import lru_cache
from html.parser import HTMLParser

import nh3
from jinja2 import Template, TemplateError, nodes
from jinja2.runtime import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

#: Longest template, characters.
BLOCK_MAX = 8_000
#: What a block may name, with its meaning.
VARIABLES = {
    "room.title": "the room's title",
    "room.name": "the room's name in addresses",
    "language": "the page's language, such as de",
}
TAGS = frozenset(
    """
    a b blockquote br code dd div dl dt em h3 h4 hr i li ol p s small span strong sub sup table
    tbody td th thead tr u ul
    """.split()
)
ATTRIBUTES = {"*": {"class", "dir", "lang", "title"}, "a": {"href"}}
SCHEMES = frozenset({"https", "mailto", "tel"})
FILTERS = frozenset({"upper", "lower", "trim", "default", "d", "escape", "e"})

_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Filter,
    nodes.Tuple,
    nodes.List,
)
#: What a template may end in that names no harm: a mistake, a comparison of words with numbers, and
#: nesting deeper than Python reads.
_UNUSABLE = (TemplateError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError)
_jinja = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)


def check_block(text: str, languages: Iterator[str] | list[str]) -> str:
    """Return a block's template if it may be shown.

    Args:
        text: The template, untrusted.
        languages: Those it may be shown in.

    Raises:
        ValueError: If something in it is refused; says what and why.
    """
    _check_template(text)
    for html in {_made(text, "shop", "The shop", language) for language in languages}:
        _Checker().run(html)
    return text


def render_block(text: str, *, name: str, title: str, language: str) -> str:
    """Return a block as safe HTML.

    Args:
        text: The template, checked.
        name: The room's name.
        title: The room's title, untrusted.
        language: The page's language.
    """
    try:
        html = _made(text, name, title, language)
    except ValueError:
        # It was fine with another title. The line matters more than the block.
        return ""
    return nh3.clean(
        html,
        tags=set(TAGS),
        clean_content_tags={"script", "style"},
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        url_schemes=set(SCHEMES),
        url_relative="deny",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer",
    )


def _made(text: str, name: str, title: str, language: str) -> str:
    room = {"name": name, "title": title}
    try:
        return _compiled(text).render(room=room, language=language)
    except _UNUSABLE as e:
        raise ValueError(f"is no template: {e}") from e


@lru_cache(maxsize=64)
def _compiled(text: str) -> Template:
    return _jinja.from_string(text)


def _check_template(text: str) -> None:
    try:
        tree = _jinja.parse(text)
        inside = list(_all(tree))
    except _UNUSABLE as e:
        raise ValueError(f"line {getattr(e, 'lineno', 1)}: is no template: {e}") from e
    known = f"a block may name {', '.join(VARIABLES)}"
    named = {id(node.node) for node in inside if isinstance(node, nodes.Getattr)}
    for node in inside:
        if not isinstance(node, _NODES):
            raise ValueError(
                f"line {node.lineno}: {type(node).__name__.lower()} is not allowed in a block; "
                "it names variables, and chooses with {% if … %}"
            )
        if isinstance(node, nodes.Getattr) and _path(node) not in VARIABLES:
            raise ValueError(f"line {node.lineno}: {_path(node)} is not known; {known}")
        if isinstance(node, nodes.Name) and node.name != (
            "room" if id(node) in named else "language"
        ):
            raise ValueError(f"line {node.lineno}: {node.name} is not known; {known}")
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise ValueError(
                f"line {node.lineno}: the filter {node.name} is not allowed; there are "
                f"{', '.join(sorted(FILTERS))}"
            )


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all(child)


def _path(node: nodes.Getattr) -> str:
    inner = node.node
    return f"{inner.name if isinstance(inner, nodes.Name) else '…'}.{node.attr}"


class _Checker(HTMLParser):
    """Tells an owner what the sanitiser would drop without a word."""

    def run(self, html: str) -> None:
        self.feed(html)
        if len(self.rawdata) > 1 and self.rawdata.startswith("<"):
            # Read to the end for each `<` in it, which takes seconds when there are thousands.
            raise ValueError(f"line {self.getpos()[0]}: {self.rawdata[:40]!r} has no end")
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        if tag not in TAGS:
            raise ValueError(
                f"line {line}: <{tag[:40]}> is not allowed; there are {', '.join(sorted(TAGS))}"
            )
        allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set())
        for name, value in attrs:
            if name not in allowed:
                raise ValueError(
                    f"line {line}: {name[:40]} is not allowed on <{tag}>; there are "
                    f"{', '.join(sorted(allowed))}"
                )
            if name == "href" and (value or "").partition(":")[0].lower() not in SCHEMES:
                raise ValueError(
                    f"line {line}: a link starts with https:, mailto: or tel:, unlike "
                    f"{(value or '')[:60]!r}"
                )
