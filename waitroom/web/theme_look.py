"""A theme ready to be shown: its files, and what the page's templates take from it."""

from base64 import b64encode
from dataclasses import dataclass, field

from markupsafe import Markup

from waitroom.blocks import render_block
from waitroom.return_to import PREFIX
from waitroom.room.theme import Link, Theme
from waitroom.room.theme_css import Sheet
from waitroom.web.blob import Blob

#: Most pages of one look that are kept: all languages, and a few titles.
PAGES_MAX = 64


@dataclass(frozen=True, slots=True)
class Dress:
    """What a template shows of a theme.

    Attributes:
        css_url: Address of the style sheet; empty where it stands in the page.
        css: The style sheet itself, for a page of its own; else empty.
        logo_url: Address of the logo; empty where there is none.
        logo_alt: What it shows.
        top: HTML above the page.
        below: HTML below it.
        links: Links below it.
    """

    css_url: str
    css: Markup
    logo_url: str
    logo_alt: str
    top: Markup
    below: Markup
    links: list[Link]


@dataclass(frozen=True)
class Look:
    """One version of a room's theme.

    Attributes:
        room: The room's name.
        version: The version; empty for one that was not published.
        theme: Its content.
        frame: ``splash/theme.css``, which keeps the owner's parts in their boxes.
        pages: Pages rendered so far, by language and title.
    """

    room: str
    version: str
    theme: Theme
    frame: str
    pages: dict[tuple[str, str], Blob] = field(default_factory=dict, repr=False)

    def files(self) -> dict[str, Blob]:
        """Return the theme's files by name."""
        found = {f"{self.version}.css": Blob.make(self.css().encode(), "text/css; charset=utf-8")}
        if logo := self.theme.logo:
            found[f"{self.version}.{logo.kind[0]}"] = Blob.make(logo.raw, logo.media_type)
        return found

    def css(self) -> str:
        """Return the style sheet: the boxes, the colours, then the owner's rules."""
        colours = self.theme.colours
        own = Sheet(self.logo_url).cleaned(self.theme.css)
        return self.frame + (colours.css() if colours else "") + own

    @property
    def logo_url(self) -> str:
        """Address of the logo: of its file, or, not published, the file itself."""
        logo = self.theme.logo
        if logo is None:
            return ""
        if self.version:
            return self._address(logo.kind[0])
        return f"data:{logo.media_type};base64,{b64encode(logo.raw).decode()}"

    def dress(self, title: str, language: str) -> Dress:
        """Return what a template shows.

        Args:
            title: The room's title.
            language: The page's language.
        """
        theme = self.theme
        css = "" if self.version else self.css()

        def block(text: str) -> Markup:
            html = render_block(text, name=self.room, title=title, language=language)
            return Markup(html)  # noqa: S704 - sanitised by render_block

        return Dress(
            css_url=self._address("css") if self.version else "",
            css=Markup(css),  # noqa: S704 - holds no "</", see theme_css
            logo_url=self.logo_url,
            logo_alt=theme.logo.alt if theme.logo else "",
            top=block(theme.blocks.top),
            below=block(theme.blocks.below),
            links=theme.links,
        )

    def keep(self, language: str, title: str, page: Blob) -> Blob:
        """Keep a page for the next visitor of its language, and return it."""
        if len(self.pages) >= PAGES_MAX:
            self.pages.clear()
        self.pages[language, title] = page
        return page

    def _address(self, ending: str) -> str:
        return f"{PREFIX}{self.room}/theme/{self.version}.{ending}"
