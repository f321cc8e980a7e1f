"""What tests of `/api/edge/check` share: a proxy that asks, and what its visitors hold."""

from collections.abc import Awaitable, Callable
from http.cookies import SimpleCookie
from typing import Any

import httpx

from tests.conftest import EDGE_TOKEN, SECRET_KEY
from tests.web.helpers import eventually
from waitroom.clock import now_ms
from waitroom.room import Directory, Room
from waitroom.tokens import Pass, Tokens

TOKENS = Tokens([SECRET_KEY])
VISITOR = "AAAAAAAAAAAAAAAAAAAAAA"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
PROGRAM = {"Accept": "application/json"}
#: The answer's words: the visitor's own, or those of nginx.
FULL: dict[str, str] = {}
NGINX = {"Waitroom-Mode": "auth_request"}
ROUTES = {"routes": [{"host": "*", "path": "/shop"}]}

Ask = Callable[..., Awaitable[httpx.Response]]


def proxied(uri: str = "/shop", method: str = "GET", **headers: str) -> dict[str, str]:
    """Return what a proxy shows of a visitor's request."""
    return {
        "Waitroom-Edge-Token": EDGE_TOKEN,
        "X-Forwarded-Method": method,
        "X-Forwarded-Uri": uri,
        "X-Forwarded-Host": "shop.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "192.0.2.7",
        **headers,
    }


def asking(http: httpx.AsyncClient) -> Ask:
    """Return a way to ask as a proxy does."""

    async def ask(*arguments: Any, **headers: str) -> httpx.Response:
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.get("/api/edge/check", headers=proxied(*arguments, **shown))

    return ask


async def knows(http: httpx.AsyncClient) -> bool:
    """Return whether the process has read the rooms."""
    found = await http.get("/api/edge/rooms", headers={"Authorization": f"Bearer {EDGE_TOKEN}"})
    return found.status_code == 200 and bool(found.json()["rooms"])


async def becomes(ask: Callable[[], Awaitable[httpx.Response]], status: int) -> httpx.Response:
    """Ask until the process has heard of a change."""

    async def asked() -> httpx.Response | None:
        found = await ask()
        return found if found.status_code == status else None

    answer = await eventually(asked)
    assert isinstance(answer, httpx.Response)
    return answer


def cookies(response: httpx.Response) -> "SimpleCookie":
    """Return the cookies that an answer sets."""
    jar: SimpleCookie = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        jar.load(line)
    return jar


def seat(left_s: float = 250, *, visitor: str = VISITOR, epoch: int = 0) -> str:
    """Return a pass that is still good for some seconds."""
    return TOKENS.sign_pass(Pass("shop", visitor, now_ms() + int(left_s * 1000), epoch))


def with_pass(token: str) -> dict[str, str]:
    """Return the header of a visitor who holds a pass."""
    return {"Cookie": f"waitroom_pass_shop={token}"}


async def make_full(room: Room, directory: Directory, ask: Ask) -> None:
    """Take all seats away, and have somebody wait."""
    await directory.update("shop", {"total_active_users": 0}, who="test")
    await room.enter("B" * 22)
    # Only a room that is known to be queueing holds this spelling without a step in between.
    await becomes(lambda: ask("//shop", **BROWSER), 302)
