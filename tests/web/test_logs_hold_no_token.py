"""Whatever visitors and their enemies send, no log line holds a ticket, a pass or a secret."""

import re
from typing import Any

import aiohttp
import httpx
import orjson

from tests.conftest import EDGE_TOKEN, SECRET_KEY, Processes
from tests.web.helpers import (
    SOCKET_PATH,
    TOKEN_MODE,
    Page,
    no_cookies,
    pass_of,
    shown,
    ticket_cookie,
    ticket_of,
)
from waitroom.errors import StoreError
from waitroom.identity import pass_cookie_name
from waitroom.room import Directory, Room
from waitroom.tokens import Ticket, Tokens

#: A payload, a dot, and the start of a signature.
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{20}")


async def test_no_log_line_holds_a_token(
    start_web: Any,
    links: aiohttp.ClientSession,
    processes: Processes,
    room: Room,
    full: Room,
    directory: Directory,
) -> None:
    (web,) = await start_web(WAITROOM_LOG_LEVEL="debug")
    secrets = [SECRET_KEY, EDGE_TOKEN]
    async with httpx.AsyncClient(base_url=web.url, cookies=no_cookies(), timeout=20) as http:
        secrets += await _good_visits(http, links, web.url)
        secrets += await _hostile_visits(http, links, web.url)
        # The room is deleted under a visitor's feet, and its data are of a wrong type.
        await directory._store.redis.delete(full.keys.waiting)
        await directory._store.redis.set(full.keys.waiting, "no zset")
        ticket = Tokens([SECRET_KEY]).sign_ticket(Ticket("full", "B" * 22, 1))
        secrets.append(ticket)
        found = await http.post("/__waitroom/full/enter", headers=ticket_cookie(ticket, "full"))
        assert found.json()["error"] == StoreError.code
    processes.stop(web.child)
    output = processes.output(web.child)
    assert "web_stopped" in output, "the log was not captured"
    assert "bad_packet" in output, "the log was not at debug"
    for secret in secrets:
        for part in {secret, secret.split(".")[0], secret.split(".")[-1]}:
            assert part not in output
    assert not TOKEN.search(output)
    # Nor is there anything that only the mask of the last step hides, but for what the library
    # repeats of an odd address.
    assert not any("(token)" in line and "engineio" not in line for line in output.splitlines())
    assert all(orjson.loads(line) for line in output.splitlines()), "a line past the formatting"


async def _good_visits(
    http: httpx.AsyncClient, links: aiohttp.ClientSession, url: str
) -> list[str]:
    entered = await http.post("/__waitroom/shop/enter")
    ticket = ticket_of(entered)
    page = await Page.open(links, url, ticket=ticket)
    await page.register("shop")
    await page.ask("heartbeat")
    await page.close()
    went = await http.get("/__waitroom/shop/go", headers=ticket_cookie(ticket))
    app = (await http.post("/__waitroom/shop/enter", headers=TOKEN_MODE)).json()
    bearer = {"Authorization": f"Bearer {EDGE_TOKEN}"}
    renewed = await http.post(
        "/api/edge/renew",
        json={"passes": [{"room": "shop", "pass": app["pass"]}]},
        headers=bearer,
    )
    left = await http.post("/__waitroom/shop/leave", headers=shown(app["ticket"]))
    assert left.json()["left"] == "seat"
    waiting = (await http.post("/__waitroom/full/enter", headers=TOKEN_MODE)).json()["ticket"]
    page = await Page.open(links, url)
    assert await page.register("full", ticket=waiting) == {"ok": True}
    await page.close()
    return [
        ticket,
        pass_of(went),
        app["ticket"],
        app["pass"],
        renewed.json()["passes"][0],
        waiting,
    ]


async def _hostile_visits(
    http: httpx.AsyncClient, links: aiohttp.ClientSession, url: str
) -> list[str]:
    forged = Tokens(["f" * 32]).sign_ticket(Ticket("full", "C" * 22, 1_700_000_000_000_000))
    cut = forged[:-3]
    both = f"{ticket_cookie(forged)['Cookie']}; {pass_cookie_name('shop')}={forged}"
    for token in (forged, cut):
        for method, path in (
            ("GET", f"/__waitroom/full/status?ticket={token}"),
            ("GET", f"/__waitroom/{token}/status"),
            ("GET", f"/__waitroom/shop/go?return_to=//{token}"),
            ("GET", f"/{token}"),
            ("POST", "/__waitroom/shop/enter"),
            ("PUT", "/__waitroom/shop/leave"),
        ):
            await http.request(method, path, headers=shown(token))
            await http.request(method, path, headers={"Cookie": both, "Referer": token})
        await http.post(
            "/api/edge/enter",
            content=token.encode(),
            headers={"Authorization": f"Bearer {token}"},
        )
        await http.get(f"/__waitroom/socket.io/?EIO=4&transport=polling&sid={token}")
        for origin in (f"https://{token}", "https://evil.example"):
            try:
                await links.ws_connect(
                    f"{url}{SOCKET_PATH}&sid={token}", headers={"Origin": origin, "Cookie": both}
                )
            except aiohttp.WSServerHandshakeError:
                pass
        for packet in (token, f"42{token}", f'42["{token}","{token}"]', f'451-["{token}"]'):
            page = await Page.open(links, url, ticket=token)
            await page.register("full", ticket=token)
            await page.register(token)
            await page.send(packet)
            await page.close()
    return [forged, cut]
