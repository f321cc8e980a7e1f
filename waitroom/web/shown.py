"""What a visitor's request shows: mode, tokens, the way it came.

Read off the ASGI scope, so that it is the same whatever answers: Quart or `lane.py`.
"""

from typing import Any
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

from waitroom import clock
from waitroom.errors import TokenError
from waitroom.identity import (
    SCHEME,
    cookies_named,
    read_held_pass,
    read_ticket,
    ticket_cookie_name,
)
from waitroom.room import Room
from waitroom.tokens import Pass, Ticket, Tokens
from waitroom.web.accepts import Accepts

_READ = frozenset((b"authorization", b"cookie", b"waitroom-mode", b"x-forwarded-proto"))


class Shown:
    """One request of a visitor.

    Args:
        scope: The request's ASGI scope.
        tokens: Reads tickets and passes.
    """

    def __init__(self, scope: Any, tokens: Tokens) -> None:
        self._scope = scope
        self._tokens = tokens
        headers: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name not in _READ:
                continue
            text = value.decode("latin-1")
            if name == b"cookie" and name in headers:
                # HTTP/2 sends them in several headers.
                headers[name] += f"; {text}"
            else:
                headers.setdefault(name, text)
        self._authorization = headers.get(b"authorization", "")
        #: All cookies, unread.
        self.cookie_header = headers.get(b"cookie", "")
        #: Whether the visitor is an app without cookies.
        self.token_mode = headers.get(b"waitroom-mode", "").lower() == "token"
        proto = headers.get(b"x-forwarded-proto", scope["scheme"])
        #: Whether the visitor came by https, as far as the last proxy says.
        self.secure = proto.partition(",")[0].strip().lower() == "https"

    @property
    def accepts(self) -> Accepts:
        """What the browser can read, and has already."""
        return Accepts(self._scope)

    @property
    def query(self) -> "MultiDict[str, str]":
        """The address's query, read as Werkzeug reads it."""
        text = self._scope["query_string"].decode()
        return MultiDict(parse_qsl(text, keep_blank_values=True, errors="werkzeug.url_quote"))

    def ticket(self, room: Room) -> Ticket:
        """Return the ticket that is shown.

        Raises:
            TokenError: If there is none that verifies.
        """
        scheme, _, token = self._authorization.partition(" ")
        if scheme.lower() == SCHEME:
            shown = [token.strip()]
        else:
            shown = cookies_named(self.cookie_header, ticket_cookie_name(room.name))
        return read_ticket(self._tokens, room.name, shown)

    def ticket_if_any(self, room: Room) -> Ticket | None:
        """Return the ticket that is shown, or None where a new one may be taken.

        A cookie that does not verify is replaced: the visitor can't mend it. A token sent on
        purpose is refused, so that an app notices. Browsers also send an Authorization header of
        their own, to a site with a password; it is not meant for us.

        Raises:
            TokenError: If a token in a header does not verify.
        """
        if not self._authorization and not self.cookie_header:
            return None
        try:
            return self.ticket(room)
        except TokenError:
            scheme = self._authorization.partition(" ")[0]
            if scheme.lower() == SCHEME or (scheme and self.token_mode):
                raise
            return None

    def held_pass(self, room: Room) -> Pass | None:
        """Return the pass for a seat that a browser holds, or None when none verifies."""
        return read_held_pass(
            self._tokens,
            room.name,
            self.cookie_header,
            epoch=room.settings.epoch,
            now_ms=clock.now_ms(),
        )
