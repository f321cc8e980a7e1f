"""Receivers that mean harm, and where secrets of a channel could come out."""

import asyncio
import base64
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from rq.exceptions import NoSuchJobError
from rq.job import Job

from tests.alerts.conftest import OWNER
from tests.alerts.test_jobs import environ, hook, raw, run, work  # noqa: F401
from tests.conftest import PATIENCE_S
from waitroom.alerts import Alerts, reach, senders
from waitroom.alerts.errors import DeliveryError
from waitroom.alerts.reach import post
from waitroom.config import load_config
from waitroom.jobs.alerts import check_alerts
from waitroom.room import Directory, Store

ALLOWED = (ip_network("127.0.0.0/8"),)
LINE = b"X-Filling: aaaaaaaaaaaaaaaaaaaa\r\n"


@pytest.mark.parametrize(
    ("first", "then", "pause_s"),
    [
        (b"", b"", 0.01),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.01),
        (b"HTTP/1.1 200 OK\r\n", LINE * 1_000, 0),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65_536, 0),
        (b"HTTP/1.1 ", b"2" * 65_536, 0),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0),
        (b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n", b"0;" + b"a" * 65_536, 0),
    ],
    ids=["silence", "drip", "headers", "header", "status", "continue", "chunk"],
)
async def test_an_answer_without_end_ends_in_time(
    first: bytes, then: bytes, pause_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "CALL_S", 0.5)
    connected = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected += 1
        gone = asyncio.create_task(reader.read())
        try:
            writer.write(first)
            while not gone.done():
                writer.write(then)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except ConnectionError:
            pass
        finally:
            writer.close()
            await asyncio.gather(gone, return_exceptions=True)
            connected -= 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/s3cret-path"
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(DeliveryError) as refused:
            await post(url, b"{}", {}, allowed=ALLOWED)
        # Nor does the connection outlive the call.
        while connected:  # noqa: ASYNC110 - it looks at the server's counter
            await asyncio.sleep(0.01)
    assert "s3cret-path" not in refused.value.detail
    assert not refused.value.permanent
    server.close()
    await server.wait_closed()


SECRETS = {
    "path": "s3cret-path",
    "query": "s3cret-query",
    "login": "s3cret-login",
    "key": base64.b64encode(b"s3cret-key-of-a-webhook-channel!").decode(),
    "mail": "s3cret-of-the-mail-server",
}


async def _set_up(store: Store, url: str) -> None:
    alerts = Alerts(store, load_config())
    url = url.replace("http://", f"http://bob:{SECRETS['login']}@")
    url += f"{SECRETS['path']}?token={SECRETS['query']}"
    secret = f"whsec_{SECRETS['key']}"
    fields = {"name": "hook", "kind": "webhook", "url": url, "secret": secret}
    await alerts.save_channel(OWNER, fields)
    await alerts.save_channel(OWNER, {"name": "slack", "kind": "slack", "url": url})
    await alerts.save_channel(OWNER, {"name": "mail", "kind": "mail", "to": ["ada@example.com"]})
    await alerts.save_rule(OWNER, {"kind": "queueing", "for_s": 0, "clear_s": 0})
    await alerts.save_rule(OWNER, {"kind": "low_use", "on": False})
    room = await Directory(store).create("shop", {"total_active_users": 0}, who="ada")
    await room.enter("v" * 22)


@pytest.mark.parametrize("fault", ["refused", "a mistake of ours"])
def test_no_secret_is_in_a_job_a_log_or_a_dead_letter(
    fault: str,
    environ: dict[str, str],  # noqa: F811
    redis_url: str,
    raw: redis.Redis,  # noqa: F811
    hook: Any,  # noqa: F811
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Nobody listens there.
    mail = f"smtp://bob:{SECRETS['mail']}@127.0.0.1:{free_port()}"
    monkeypatch.setenv("WAITROOM_SMTP_URL", mail)
    monkeypatch.setenv("WAITROOM_MAIL_FROM", "waitroom@example.com")
    hook.answers = [410]
    if fault != "refused":
        monkeypatch.setattr(senders, "post", _mistake)
    run(redis_url, lambda store: _set_up(store, hook.url))
    caplog.set_level("DEBUG")
    assert check_alerts() == 1
    work(raw)
    # As RQ keeps its jobs, and what its dashboards show of them.
    names: list[Any] = raw.keys("rq:job:*")
    kept = [raw.hgetall(name) for name in names]
    shown = [each for name in names for each in _shown(raw, name)]
    assert len(kept) >= 1

    async def dead(store: Store) -> list[Any]:
        alerts = Alerts(store, load_config())
        rows = [*await alerts.dead_letters(OWNER), *await alerts.waiting(OWNER)]
        return [*rows, *await alerts.channels(OWNER), await alerts.state(OWNER)]

    rows = run(redis_url, dead)
    assert len(rows) >= 6
    said = f"{kept} {shown} {rows} {[row.model_dump_json() for row in rows]}"
    said += caplog.text + "".join(capfd.readouterr())
    if fault != "refused":
        assert "_MistakenError" in said
    for name, secret in SECRETS.items():
        assert secret not in said, name


class _MistakenError(Exception):
    """Something that no code of ours expects."""


async def _mistake(url: str, body: bytes, headers: Any, *, allowed: Any) -> None:
    held = SecretStr(url)
    raise _MistakenError(f"with {held!r} in hand")


def _shown(raw: redis.Redis, key: bytes) -> list[str]:  # noqa: F811
    try:
        job = Job.fetch(key.decode().removeprefix("rq:job:"), connection=raw)
    except NoSuchJobError:
        return []
    result = job.latest_result()
    return [str(job.description), str(job.args), str(result.exc_string if result else "")]
