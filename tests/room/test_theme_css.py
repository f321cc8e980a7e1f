"""CSS of an owner: what is let through, what is refused, and that the refusal says where and why.

That what is let through does no harm in a real browser is shown in `tests/browser/test_theme.py`.
"""

import pytest
import tinycss2

from waitroom.room.theme_css import LOOKS, Sheet

LOGO = "/__waitroom/shop/theme/20261123131500-0123abcd.png"


def cleaned(text: str) -> str:
    return Sheet(LOGO).cleaned(text)


def refused(text: str) -> str:
    with pytest.raises(ValueError) as e:
        cleaned(text)
    return str(e.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("/* nothing */", ""),
        ("h2 { font-weight: 700 }", "h2{font-weight:700;}"),
        ("h1, h2{text-transform:uppercase}", "h1,h2{text-transform:uppercase;}"),
        (".theme-top{position:fixed;inset:0}", ".theme-top{position:fixed;inset:0;}"),
        (".theme-top > b i:hover{color:RED}", ".theme-top > b i:hover{color:RED;}"),
        (".theme-top{background:url(logo)}", f'.theme-top{{background:url("{LOGO}");}}'),
        (".theme-top{background:url('logo')}", f'.theme-top{{background:url("{LOGO}");}}'),
        (
            ".theme-top{background:url(data:image/png;base64,AAAA)}",
            '.theme-top{background:url("data:image/png;base64,AAAA");}',
        ),
        (".theme-links{--theme-a: 9vw}", ".theme-links{--theme-a:9vw;}"),
        ("figure{border-radius:var(--theme-b,4px)}", "figure{border-radius:var(--theme-b,4px);}"),
        (
            "@media (max-width:30em){h2{font-style:italic}}",
            "@media (max-width:30em){h2{font-style:italic;}}",
        ),
        (
            "@keyframes theme-x{from{opacity:0}50%,to{opacity:1}}",
            "@keyframes theme-x{from{opacity:0;}50%,to{opacity:1;}}",
        ),
    ],
)
def test_good_rules_are_written_anew(text: str, expected: str) -> None:
    assert cleaned(text) == expected


#: What somebody may try -> a word of the reason.
HOSTILE = {
    # That something is loaded.
    "@import url(https://evil.example/x.css);": "@import",
    "@import 'x';": "@import",
    "@\\69mport 'x';": "@import",
    "@font-face{font-family:a;src:url(https://evil.example/f)}": "@font-face",
    "@namespace url(http://www.w3.org/1999/xhtml);": "@namespace",
    "@charset 'utf-8';": "@charset",
    "@supports (a:b){h2{font-weight:1}}": "@supports",
    "@layer a{h2{font-weight:1}}": "@layer",
    "@property --theme-a{syntax:'*'}": "@property",
    "@page{margin:0}": "@page",
    ".theme-top{background:url(https://evil.example/a.png)}": "nothing from elsewhere",
    ".theme-top{background:url(//evil.example/a.png)}": "nothing from elsewhere",
    ".theme-top{background:url(/logout)}": "nothing from elsewhere",
    ".theme-top{background:URL('/logout')}": "nothing from elsewhere",
    ".theme-top{background:\\75rl(/logout)}": "nothing from elsewhere",
    ".theme-top{background:url(\\2flogout)}": "nothing from elsewhere",
    ".theme-top{background:url('logo' '/x')}": "one address",
    ".theme-top{background:url(data:image/svg+xml;base64,AAAA)}": "nothing from elsewhere",
    ".theme-top{background:url(data:text/html;base64,AAAA)}": "nothing from elsewhere",
    ".theme-top{background:image-set('/logout' 1x)}": "image-set()",
    ".theme-top{background:-webkit-image-set(url(/x) 1x)}": "-webkit-image-set()",
    ".theme-top{background:image('/logout')}": "image()",
    ".theme-top{background:src('/logout')}": "src()",
    ".theme-top{background:cross-fade(url(logo),'/x')}": "cross-fade()",
    ".theme-top{background:element(#position)}": "element()",
    ".theme-top{background:paint(x)}": "paint()",
    ".theme-top{--theme-x:url(/logout)}": "nothing from elsewhere",
    ".theme-top{--theme-x:{background:url(/logout)}}": "no value",
    ".theme-top{cursor:url(/x.cur),auto}": "nothing from elsewhere",
    ".theme-top{content:attr(data-x)}": "attr()",
    "@media (min-width:calc(url(/x))){h2{font-weight:1}}": "calc()",
    # That a script runs.
    ".theme-top{width:expression(alert(1))}": "expression()",
    ".theme-top{behavior:url(#x)}": "runs scripts",
    ".theme-top{-moz-binding:url(logo)}": "runs scripts",
    "h2{font-weight:1}</style><script>alert(1)</script>": "</",
    ".theme-top::before{content:'</style>'}": "</",
    ".theme-top::before{content:'<!--'}": "<!--",
    ".theme-top::before{content:'<\\/style>'}": "</",
    ".theme-top::before{content:'\\3c/style>'}": "</",
    "h2{font-family:'\\3c !--'}": "<!--",
    '[title="<\\/style>"]{font-weight:1}': "</",
    # That the position, a button or what they say is hidden, covered or blended in.
    "#position{display:none}": "hides the position",
    "main{visibility:hidden}": "hides the position",
    "*{opacity:0}": "hides the position",
    "#position{font-size:0}": "hides the position",
    "#position{color:transparent}": "hides the position",
    "h2{background:#000}": "hides the position",
    "#position{transform:scale(0)}": "hides the position",
    "#position{position:absolute;left:-999px}": "hides the position",
    "#leave{pointer-events:none}": "hides the position",
    "body::after{content:'x';position:fixed;inset:0}": "::after",
    "html{filter:invert(1)}": "hides the position",
    "h2{text-indent:-9999px}": "hides the position",
    "#position{all:unset}": "hides the position",
    "h2{margin-top:-4rem}": "-4rem",
    "h2{margin-top:99999px}": "99999px",
    "h2{margin-top:100vh}": "100vh",
    "h2{margin-top:9999%}": "9999%",
    "h2{text-decoration:line-through 64px}": "line-through",
    "#position-of{text-decoration:overline 64px #fff}": "0 to 4px",
    "#position-of{text-decoration:overline 1em}": "0 to 0.25em",
    "#position-of{text-decoration-thickness:26%}": "0 to 25%",
    "#position-of{text-decoration:overline var(--theme-x)}": "var()",
    "#position-of{text-underline-offset:64px}": "0 to 4px",
    "#position-of::first-letter{border:64px solid #fff}": "::first-letter",
    "#position-of:first-letter{border:64px solid #fff}": "::first-letter",
    "p:hover:\\66irst-line{border:64px solid #fff}": "::first-line",
    "h1,.door p::before{border:64px solid #fff}": "::before",
    "progress:/**/:-webkit-progress-bar{border:64px solid}": "::-webkit-progress-bar",
    "h2{text-decoration:l\\69ne-through 64px}": "line-through",
    ":root{--theme-x:line-through}": "line-through",
    "h2{margin-top:calc(1px*9999)}": "calc()",
    "h2{margin-top:var(--theme-x,9999px)}": "9999px",
    "h2{--theme-x:9999px}": "9999px",
    "h2{--ink:#fff}": "--theme-",
    ":root{--paper:#000}": "--theme-",
    ".theme-top{--ink:#fff}": "--theme-",
    ".theme-top ~ main{display:none}": "hides the position",
    ".theme-top + header{display:none}": "hides the position",
    ".theme-top,main{display:none}": "each kind of part",
    ":is(.theme-top,main){display:none}": "hides the position",
    ".theme-top:is(main *){display:none}": "hides the position",
    ":not(.theme-top){display:none}": "hides the position",
    ".theme-topless{display:none}": "hides the position",
    "main.theme-top{display:none}": "hides the position",
    ".theme-box{display:none}": "hides the position",
    ".theme-top{&~main{display:none}}": "inside a rule",
    ".theme-top{color:red;main &{display:none}}": "inside a rule",
    ".theme-top{@media print{color:red}}": "inside a rule",
    "@media all{main{display:none}}": "hides the position",
    "@media all{@import 'x';}": "@import",
    "@keyframes breathe{to{display:none}}": "theme-",
    "@keyframes theme-a{to{background:url(/x)}}": "nothing from elsewhere",
    "@keyframes theme-a{main{opacity:0}}": "percentages",
    "h2{font-weight:700 !important}": "!important",
    ".theme-top{color:red!important}": "!important",
    # That is no CSS, or more than anybody writes.
    ".theme-top{width:" + "calc(" * 3_900 + "}": "",
    ".theme-top{width:" + "(" * 19_000 + "}": "",
    "@media all{" * 1_800: "",
    ".theme-top" + "[" * 19_000 + "{color:red}": "",
    "h2": "EOF",
    "}": "",
    "h2{font-weight}": "",
    "h2{:}": "",
    "h2[{]}{font-weight:1}": "",
}


@pytest.mark.parametrize(("text", "word"), HOSTILE.items(), ids=lambda text: text[:60])
def test_hostile_rules_are_refused_with_the_reason(text: str, word: str) -> None:
    assert word in refused(text)


def test_the_refusal_names_the_line() -> None:
    assert refused("h2 { font-weight: 700 }\n\nh1 {\n  color: red\n}").startswith("line 4: color")


def test_without_a_logo_its_address_is_refused() -> None:
    with pytest.raises(ValueError, match="no logo"):
        Sheet().cleaned(".theme-top{background:url(logo)}")


def test_what_was_written_anew_says_the_same_again() -> None:
    text = cleaned(".theme-top{background:url(logo);color:red}@media print{h2{margin-top:4px}}")
    again = text.replace(LOGO, "logo")
    assert cleaned(again) == text
    assert not [node for node in tinycss2.parse_stylesheet(text) if node.type == "error"]


def test_nothing_that_hides_or_colours_is_among_the_looks_of_the_page() -> None:
    for name in (
        "display",
        "visibility",
        "opacity",
        "color",
        "background",
        "position",
        "font-size",
    ):
        assert name not in LOOKS
    assert not any(name.startswith(("inset", "transform", "clip", "mask")) for name in LOOKS)
