"""A fast lane in front of Quart for what every visitor asks; see ``asking.py``.

A web framework's routing, contexts and objects cost several times what these need. So plain
requests for them are answered here, by the same functions. All else is Quart's: other addresses,
odd requests for these, and every refusal, which it shows like any other.
"""

from typing import Any
from urllib.parse import urlsplit

from quart import Quart

from waitroom.return_to import PREFIX
from waitroom.web.asking import VERBS, Verb
from waitroom.web.reply import Reply
from waitroom.web.services import Services
from waitroom.web.shown import Shown

#: Where a scope holds what Quart is to answer with: an exception, and where it arose, as those who
#: went in one call to Redis have it in common.
FAILURE = "waitroom.failure"


class Lane:
    """The application with its fast lane.

    Args:
        app: The rest of it.
        made: The services of this process.
    """

    def __init__(self, app: Quart, made: Services) -> None:
        self._app = app
        self._made = made
        #: Of the Quart application.
        self.extensions: dict[str, Any] = app.extensions

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, socket or lifespan."""
        verb, name = _verb(scope)
        if verb is not None:
            try:
                reply = await verb(self._made, Shown(scope, self._made.tokens), name)
            except Exception as e:
                scope[FAILURE] = e, e.__traceback__
            else:
                if reply is not None:
                    await _send(send, reply)
                    return
        await self._app(_readable(scope), receive, send)


def _readable(scope: Any) -> Any:
    """Return a scope whose path does not make Quart raise, as that of ``CONNECT`` does."""
    path = scope.get("path", "/")
    if path.startswith("/"):
        return scope
    try:
        readable = urlsplit(path).path
    except ValueError:
        return {**scope, "path": f"/{path}"}
    return scope if readable else {**scope, "path": "/"}


def _verb(scope: Any) -> tuple[Verb | None, str]:
    """Return what a plain request asks for, and the room's name."""
    # In HTTP/2 a body needs no header.
    if scope["type"] != "http" or scope["http_version"] != "1.1":
        return None, ""
    path: str = scope["path"]
    if not path.startswith(PREFIX) or _has_body(scope):
        return None, ""
    name, slash, last = path[len(PREFIX) :].partition("/")
    return VERBS.get((scope["method"], slash + last)), name


async def _send(send: Any, reply: Reply) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    if reply.status != 304:
        raw.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": reply.body})


def _has_body(scope: Any) -> bool:
    """Say whether somebody has to take a body from the server, which else waits for that."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
