"""An owner's CSS, read rule by rule and written anew; what could harm a visitor is refused.

Two kinds of rules. Those for the owner's own parts (``.theme-top``, ``.theme-below``,
``.theme-links``, ``.theme-logo``) may set anything, as each part lives in a box that nothing
leaves (``splash/theme.css``). Those for the rest of the page set its looks only: no rule can hide
or cover the position or a button, nor undo the contrast that was checked for the colours.
Nothing is loaded but the logo.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import tinycss2
from tinycss2.ast import Node

#: Classes of the owner's own parts.
OWN = ("theme-top", "theme-below", "theme-links", "theme-logo")
#: What is written for the logo's address: ``url(logo)``.
LOGO = "logo"

#: What may be set for the page's own parts.
LOOKS = frozenset(
    """
    font-family font-weight font-style font-stretch font-feature-settings font-variant-caps
    font-variant-numeric font-kerning text-transform text-align text-decoration
    text-decoration-line text-decoration-style text-decoration-thickness text-underline-offset
    letter-spacing border border-style border-width border-radius border-color border-top
    border-bottom border-left border-right border-inline border-block border-block-start
    border-block-end border-inline-start border-inline-end border-start-start-radius
    border-start-end-radius border-end-start-radius border-end-end-radius
    border-top-left-radius border-top-right-radius border-bottom-left-radius
    border-bottom-right-radius margin-block margin-block-start margin-block-end margin-top
    margin-bottom padding-block padding-block-start padding-block-end padding-top padding-bottom
    row-gap hyphens
    """.split()
)
#: Functions that load nothing.
FUNCTIONS = frozenset(
    """
    var calc min max clamp rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix light-dark
    linear-gradient radial-gradient conic-gradient repeating-linear-gradient
    repeating-radial-gradient repeating-conic-gradient translate translatex translatey translate3d
    scale scalex scaley rotate skew skewx skewy matrix perspective cubic-bezier steps linear blur
    brightness contrast drop-shadow grayscale hue-rotate invert opacity saturate sepia polygon
    circle ellipse inset path minmax repeat fit-content env
    """.split()
)
#: Those of them that make no length, for the page's own parts.
PLAIN_FUNCTIONS = frozenset("var rgb rgba hsl hsla hwb lab lch oklab oklch color-mix".split())
#: Old ways to run scripts from CSS.
SCRIPTED = frozenset({"behavior", "-moz-binding", "-ms-behavior"})
#: Most for the page's own parts, by unit; more pushes what follows out of the page.
LENGTHS = {"px": 64.0, "rem": 4.0, "em": 4.0, "%": 100.0}
#: Most for a line with its text: a thick one is painted over the text that is next to it.
LINE = "text-decoration", "text-underline"
LINE_LENGTHS = {"px": 4.0, "rem": 0.25, "em": 0.25, "%": 25.0}
#: Pseudo-elements that are written like classes of states.
PSEUDO = frozenset({"before", "after", "first-letter", "first-line"})
#: Properties of the owner's own, so that those of the page stay what they are.
VARIABLE = "--theme-"

_FRAME = r"(?:from|to|[0-9.]{1,8}%)"
_FRAMES = re.compile(rf"{_FRAME}(?:\s*,\s*{_FRAME}){{0,20}}")
_DATA = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+=*")


class Sheet:
    """One style sheet of an owner.

    Args:
        logo: Address of the logo; empty where there is none.
    """

    def __init__(self, logo: str = "") -> None:
        self._logo = logo

    def cleaned(self, text: str) -> str:
        """Return the sheet written anew.

        Args:
            text: As the owner wrote it.

        Raises:
            ValueError: If something in it is refused; says where, what and why.
        """
        _stays_inside(text)
        try:
            rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
            written = "".join(map(self._rule, rules))
        except RecursionError as e:
            raise ValueError("is nested too deep") from e
        # Written as `<\/` or `\3c/`, it is plain by now.
        _stays_inside(written)
        return written

    def _rule(self, node: Node) -> str:
        if node.type == "qualified-rule":
            return self._qualified(node)
        if node.type == "at-rule" and node.lower_at_keyword == "media" and node.content:
            self._check(node, node.prelude, frozenset())
            rules = tinycss2.parse_rule_list(node.content, True, True)
            inside = "".join(map(self._rule, rules))
            return f"@media{tinycss2.serialize(node.prelude)}{{{inside}}}"
        if node.type == "at-rule" and node.lower_at_keyword == "keyframes" and node.content:
            return self._keyframes(node)
        if node.type == "at-rule":
            raise _refused(
                node, f"@{node.lower_at_keyword}", "there are @media and @keyframes; none loads"
            )
        raise _refused(node, "this", getattr(node, "message", "it is not CSS"))

    def _keyframes(self, node: Node) -> str:
        name = tinycss2.serialize(node.prelude).strip()
        if not re.fullmatch(r"theme-[A-Za-z0-9_-]{1,60}", name):
            raise _refused(node, f"@keyframes {name}", "its name starts with theme-")
        rules = tinycss2.parse_rule_list(node.content, True, True)
        frames = []
        for rule in rules:
            at = tinycss2.serialize(getattr(rule, "prelude", ())).strip()
            if rule.type != "qualified-rule" or not _FRAMES.fullmatch(at):
                raise _refused(rule, f"in @keyframes {name}", "there are from, to and percentages")
            frames.append(f"{at}{{{self._declarations(rule, own=True)}}}")
        return f"@keyframes {name}{{{''.join(frames)}}}"

    def _qualified(self, node: Node) -> str:
        selectors = _split(node.prelude)
        own = [_is_own(selector) for selector in selectors]
        if any(own) and not all(own):
            raise _refused(
                node, tinycss2.serialize(node.prelude).strip(), "write a rule for each kind of part"
            )
        for selector in selectors:
            if any(token.type in ("{} block", "error", "url") for token in selector):
                raise _refused(node, tinycss2.serialize(selector), "it is no selector")
        if not all(own) and (found := _pseudo_element(node.prelude)):
            # Its borders are painted over the lines above and below.
            raise _refused(node, found, "there are none of the page's own parts")
        text = ",".join(tinycss2.serialize(selector).strip() for selector in selectors)
        return f"{text}{{{self._declarations(node, own=all(own))}}}"

    def _declarations(self, node: Node, *, own: bool) -> str:
        found = tinycss2.parse_blocks_contents(node.content, True, True)
        return "".join(self._declaration(each, own=own) for each in found)

    def _declaration(self, node: Node, *, own: bool) -> str:
        if node.type == "error":
            raise _refused(node, "this", node.message)
        if node.type != "declaration":
            raise _refused(node, "a rule inside a rule", "write it on its own")
        name = node.name if node.name.startswith("--") else node.lower_name
        if node.important:
            raise _refused(node, f"{name}: … !important", "your rules come last; it has no use")
        if name.startswith("--") and not name.startswith(VARIABLE):
            raise _refused(node, name, f"a property of your own starts with {VARIABLE}")
        if name in SCRIPTED:
            raise _refused(node, name, "it runs scripts")
        if own:
            self._check(node, node.value, FUNCTIONS)
        elif name.startswith(LINE) and name in LOOKS:
            # A variable may hold more than a line may have.
            self._check(node, node.value, PLAIN_FUNCTIONS - {"var"}, LINE_LENGTHS)
        elif name in LOOKS or name.startswith(VARIABLE):
            self._check(node, node.value, PLAIN_FUNCTIONS, LENGTHS)
        else:
            raise _refused(
                node,
                name,
                "of the page's own parts css sets fonts, borders, corners and spacing, so that "
                "nothing hides the position; colours come from `colours`, where their contrast is "
                f"checked; anything goes for {', '.join(f'.{part}' for part in OWN)}",
            )
        return f"{name}:{tinycss2.serialize(node.value).strip()};"

    def _check(
        self,
        node: Node,
        tokens: Iterable[Any],
        functions: frozenset[str],
        limits: Mapping[str, float] | None = None,
    ) -> None:
        """Refuse what loads, hides or is no value; put the logo's address in."""
        for token in tokens:
            if token.type == "function" and token.lower_name == "url":
                inside = [each for each in token.arguments if each.type != "whitespace"]
                if len(inside) != 1 or inside[0].type != "string":
                    raise _refused(token, "url()", "it takes one address")
                inside[0].representation = f'"{self._address(token, inside[0].value)}"'
            elif token.type == "function":
                if token.lower_name not in functions:
                    raise _refused(token, f"{token.name}()", "it is not among those allowed here")
                self._check(node, token.arguments, functions, limits)
            elif token.type == "url":
                token.representation = f'url("{self._address(token, token.value)}")'
            elif token.type in ("() block", "[] block"):
                self._check(node, token.content, functions, limits)
            elif token.type in ("{} block", "error", "at-keyword"):
                raise _refused(token, "this", "it is no value")
            elif limits is not None:
                _check_length(token, limits)

    def _address(self, node: Node, address: str) -> str:
        if address == LOGO:
            if not self._logo:
                raise _refused(node, "url(logo)", "the theme has no logo")
            return self._logo
        if not _DATA.fullmatch(address):
            raise _refused(
                node,
                f"url({address[:60]})",
                "a page loads nothing from elsewhere: there is url(logo), and pictures as "
                "data:image/png;base64,… (or jpeg, webp, gif)",
            )
        return address


def _stays_inside(sheet: str) -> None:
    if "</" in sheet or "<!--" in sheet:
        raise ValueError("must not hold </ or <!--: it would end the sheet where it is shown")


def _check_length(token: Any, limits: Mapping[str, float]) -> None:
    if token.type in ("dimension", "percentage"):
        unit = "%" if token.type == "percentage" else token.lower_unit
        if not 0 <= token.value <= limits.get(unit, -1):
            allowed = ", ".join(f"0 to {most:g}{each}" for each, most in limits.items())
            raise _refused(token, token.serialize(), f"there it is {allowed}")
    elif token.type == "number" and token.value < 0:
        raise _refused(token, token.serialize(), "it must not be negative")
    elif token.type == "ident" and token.lower_value == "line-through":
        raise _refused(token, "line-through", "a thick line hides the position")


def _split(prelude: Iterable[Any]) -> list[list[Any]]:
    selectors: list[list[Any]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            selectors.append([])
        else:
            selectors[-1].append(token)
    return selectors


def _pseudo_element(prelude: Iterable[Any]) -> str:
    """Return the pseudo-element that a rule names; empty if it names none."""
    colons = 0
    for token in prelude:
        if token.type == "comment":
            continue
        if token.type == "literal" and token.value == ":":
            colons += 1
            continue
        name = token.lower_value if token.type == "ident" else getattr(token, "lower_name", "")
        if colons > 1 or (colons and name in PSEUDO):
            return f"::{name}"
        colons = 0
    return ""


def _is_own(selector: list[Any]) -> bool:
    """Whether all that a selector can mean is inside one of the owner's parts."""
    tokens = selector
    while tokens and tokens[0].type == "whitespace":
        tokens = tokens[1:]
    if len(tokens) < 2 or tokens[0].type != "literal" or tokens[0].value != ".":
        return False
    if tokens[1].type != "ident" or tokens[1].value not in OWN:
        return False
    # Neighbours of a part are not inside it; nor is what `:is(…)` or nesting may name.
    return not any(
        (token.type == "literal" and token.value in ("~", "+", "|", "||", "&"))
        or token.type in ("function", "() block")
        for token in tokens
    )


def _refused(node: Any, what: str, why: str) -> ValueError:
    return ValueError(f"line {node.source_line}: {what} is refused: {why}")
