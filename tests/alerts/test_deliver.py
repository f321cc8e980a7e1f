"""Deliveries to real receivers: taken, failed at first, hung, given up, sent again, held back."""

import asyncio
import base64
import hashlib
import hmac
from email import message_from_bytes, policy
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.alerts.conftest import NOW_MS, OWNER, Mailbox, Receiver
from waitroom.alerts import Alerts
from waitroom.alerts.alert import Alert, Delivery
from waitroom.alerts.book import Book
from waitroom.alerts.deliver import DELAYS_S, deliver, deliver_due
from waitroom.alerts.errors import DeliveryError, TestTooSoonError
from waitroom.alerts.reach import CALL_S
from waitroom.alerts.state import State
from waitroom.clock import monotonic_s, now_ms
from waitroom.config import Config

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def alert(phase: str = "started", *, room: str = "shop", urgent: bool = False) -> Alert:
    return Alert.model_validate(
        {
            "id": f"queueing-{room}-1-{phase}",
            "episode": f"queueing-{room}-1",
            "phase": phase,
            "kind": "queueing",
            "room": room,
            "title": f"{room}: visitors <wait> & see",
            "text": "3 visitors are waiting.",
            "value": 3,
            "urgent": urgent,
            "since_ms": NOW_MS - 1_000,
            "at_ms": NOW_MS,
        }
    )


async def tell(book: Book, *alerts: Alert, channel: str = "hook", due_ms: int = NOW_MS) -> None:
    """Note that conditions hold, and put what is to be told into the outbox."""
    for each in alerts:
        state = State(
            phase="firing", since_ms=each.since_ms, turned_ms=1, seen_ms=1, kind="queueing"
        )
        before = await book.store.redis.hget("waitroom:alerts:{@}:states", f"queueing:{each.room}")
        after = None if each.phase == "ended" else state
        deliveries = [Delivery(channel=channel, alert=each, due_ms=due_ms)]
        assert await book.tell(
            f"queueing:{each.room}", (before or b"").decode(), after, each, deliveries
        )


async def hook(alerts: Alerts, receiver: Receiver, **fields: Any) -> None:
    given = {"name": "hook", "kind": "webhook", "url": receiver.url, "secret": SECRET}
    await alerts.save_channel(OWNER, given | fields)


async def test_a_webhook_is_signed_as_documented(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    await hook(alerts, receiver)
    await tell(book, alert())
    assert await deliver_due(book, config, now_ms=NOW_MS) == 1
    [(headers, body)] = receiver.got
    assert headers["webhook-id"] == headers["Idempotency-Key"] == "queueing-shop-1-started"
    at_s = int(headers["webhook-timestamp"])
    assert abs(at_s - now_ms() / 1000) < 60
    signed = f"{headers['webhook-id']}.{at_s}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["Content-Type"] == "application/json"
    assert orjson.loads(body) | {"text": "", "title": ""} == {
        "id": "queueing-shop-1-started",
        "type": "alert.started",
        "episode": "queueing-shop-1",
        "kind": "queueing",
        "room": "shop",
        "subject": None,
        "title": "",
        "text": "",
        "value": 3.0,
        "limit": None,
        "urgent": False,
        "since": "2026-11-23T11:59:59Z",
        "at": "2026-11-23T12:00:00Z",
    }
    assert await alerts.waiting(OWNER) == []
    assert (await alerts.channel(OWNER, "hook")).outcome.delivered_ms == NOW_MS


async def test_slack_is_told_without_links_or_mentions(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    await alerts.save_channel(OWNER, {"name": "hook", "kind": "slack", "url": receiver.url})
    await tell(book, alert())
    await deliver_due(book, config, now_ms=NOW_MS)
    [(headers, body)] = receiver.got
    assert "webhook-signature" not in headers
    text = orjson.loads(body)["text"]
    assert text == ":warning: *shop: visitors &lt;wait&gt; &amp; see*\n3 visitors are waiting."


async def test_a_mail_is_sent(
    book: Book, config: Config, mailbox: tuple[Mailbox, str], alerts: Alerts
) -> None:
    box, url = mailbox
    config = config.model_copy(update={"smtp_url": _secret(url), "mail_from": "W <w@example.com>"})
    to = ["ada@example.com", "bob@example.com"]
    await alerts.save_channel(OWNER, {"name": "hook", "kind": "mail", "to": to})
    await tell(book, alert())
    assert await deliver_due(book, config, now_ms=NOW_MS) == 1
    [envelope] = box.got
    assert envelope.rcpt_tos == to
    found = message_from_bytes(box.content(envelope), policy=policy.default)
    assert found["Subject"] == "[Waitroom] shop: visitors <wait> & see"
    assert found["Message-ID"] == "<queueing-shop-1-started@example.com>"
    assert "3 visitors are waiting." in found.get_content()


async def test_who_has_a_mail_does_not_get_it_again_with_those_who_do_not(
    book: Book, config: Config, mailbox: tuple[Mailbox, str], alerts: Alerts
) -> None:
    box, url = mailbox
    config = config.model_copy(update={"smtp_url": _secret(url), "mail_from": "W <w@example.com>"})
    to = ["ada@example.com", "busy@example.com", "nobody@example.com"]
    await alerts.save_channel(OWNER, {"name": "hook", "kind": "mail", "to": to})
    await tell(book, alert())
    assert await deliver_due(book, config, now_ms=NOW_MS) == 0
    box.busy = False
    at_ms = NOW_MS + DELAYS_S[0] * 1000
    # The last one will never have it: given up, for the owner to see.
    await deliver_due(book, config, now_ms=at_ms)
    await deliver_due(book, config, now_ms=at_ms + DELAYS_S[1] * 1000)
    assert [envelope.rcpt_tos for envelope in box.got] == [to[:1], to[1:2]]
    [dead] = await alerts.dead_letters(OWNER)
    assert dead.left == to[2:]


async def test_one_that_fails_at_first_is_tried_again_after_growing_pauses(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    await hook(alerts, receiver)
    receiver.answers = [503, 500, 200]
    await tell(book, alert())
    at_ms = NOW_MS
    for delay_s in DELAYS_S[:2]:
        assert await deliver_due(book, config, now_ms=at_ms) == 0
        assert await deliver_due(book, config, now_ms=at_ms + delay_s * 1000 - 1) == 0
        at_ms += delay_s * 1000
    [waiting] = await alerts.waiting(OWNER)
    assert waiting.attempts == 2 and waiting.error.endswith("answered 500.")
    assert await deliver_due(book, config, now_ms=at_ms) == 1
    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert list(DELAYS_S) == sorted(DELAYS_S)


async def test_what_is_given_up_is_seen_and_can_be_sent_again(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    await hook(alerts, receiver)
    receiver.answers = [500]
    await tell(book, alert())
    at_ms = NOW_MS
    for _ in range(len(DELAYS_S) + 1):
        await deliver_due(book, config, now_ms=at_ms)
        at_ms += 3_700_000
    assert len(receiver.got) == len(DELAYS_S) + 1
    assert await alerts.waiting(OWNER) == []
    [dead] = await alerts.dead_letters(OWNER)
    assert dead.error.endswith("answered 500.") and (await alerts.state(OWNER)).given_up == 1
    receiver.answers = [200]
    await alerts.resend(OWNER, dead.id)
    assert await deliver_due(book, config) == 1
    assert len(receiver.got) == len(DELAYS_S) + 2
    assert await alerts.dead_letters(OWNER) == []
    with pytest.raises(Exception, match="given up"):
        await alerts.resend(OWNER, dead.id)


async def test_one_that_hangs_holds_up_nobody(
    book: Book,
    alerts: Alerts,
    config: Config,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert CALL_S <= 5
    monkeypatch.setattr("waitroom.alerts.reach.CALL_S", 0.5)
    await hook(alerts, receiver)
    await alerts.save_channel(OWNER, {"name": "fast", "kind": "slack", "url": receiver.url})
    receiver.answers = [receiver.hang, receiver.hang, receiver.hang, 200]
    await tell(book, alert(room="a"), alert(room="b"), alert(room="c"))
    began = monotonic_s()
    assert await deliver_due(book, config, now_ms=NOW_MS) == 0
    assert monotonic_s() - began < 3
    await tell(book, alert(room="d"), channel="fast")
    assert await deliver_due(book, config, now_ms=NOW_MS) == 1
    assert "did not answer within" in (await alerts.waiting(OWNER))[0].error


async def test_an_answer_that_drips_is_cut_off(
    book: Book,
    alerts: Alerts,
    config: Config,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("waitroom.alerts.reach.CALL_S", 0.5)
    await hook(alerts, receiver)
    sent = 0

    async def drip(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        try:
            while sent < 1_000:
                await response.write(b"x")
                sent += 1
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        return response

    receiver.answers = [drip]
    await tell(book, alert())
    began = monotonic_s()
    await deliver_due(book, config, now_ms=NOW_MS)
    assert monotonic_s() - began < 3 and sent < 200


async def test_a_huge_answer_is_not_read(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    await hook(alerts, receiver)
    written = 0

    async def huge(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(status=404)
        await response.prepare(request)
        try:
            for _ in range(1_000):
                await response.write(b"x" * 65_536)
                written += 65_536
        except ConnectionError:
            pass
        return response

    receiver.answers = [huge]
    await tell(book, alert())
    await deliver_due(book, config, now_ms=NOW_MS)
    [waiting] = await alerts.waiting(OWNER)
    assert waiting.error.endswith("answered 404.")
    # What fits into the buffers of both ends, no more.
    assert written < 20_000_000


async def test_redirects_are_not_followed(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    async def redirect(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": receiver.url})

    receiver.answers = [redirect]
    await hook(alerts, receiver)
    await tell(book, alert())
    await deliver_due(book, config, now_ms=NOW_MS)
    assert len(receiver.got) == 1
    assert "redirects are not followed" in (await alerts.waiting(OWNER))[0].error


async def test_one_that_is_gone_for_good_is_given_up_at_once(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    receiver.answers = [410]
    await hook(alerts, receiver)
    await tell(book, alert())
    assert await deliver_due(book, config, now_ms=NOW_MS) == 1
    assert len(await alerts.dead_letters(OWNER)) == 1


async def test_no_secret_of_an_address_is_in_an_error_or_a_list(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver, capsys: Any
) -> None:
    receiver.answers = [500]
    await hook(alerts, receiver, url=receiver.url.replace("http://", "http://bob:hunter3@"))
    await tell(book, alert())
    await deliver_due(book, config, now_ms=NOW_MS)
    shown = [*(await alerts.channels(OWNER)), *(await alerts.waiting(OWNER))]
    said = " ".join(each.model_dump_json() for each in shown) + str(await alerts.changes(OWNER))
    said += capsys.readouterr().out
    assert "127.0.0.1" in said
    for secret in ("hunter2", "hunter3", "s3cret-path", SECRET):
        assert secret not in said


async def test_quiet_hours_hold_back_what_is_not_urgent(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    quiet = {"start": "12:00", "end": "15:00", "zone": "Europe/Berlin"}
    await hook(alerts, receiver, quiet=quiet)
    await tell(book, alert(room="a"), alert(room="b", urgent=True))
    assert await deliver_due(book, config, now_ms=NOW_MS) == 1
    assert [headers["webhook-id"] for headers, _ in receiver.got] == ["queueing-b-1-started"]
    [held] = await alerts.waiting(OWNER)
    # 15:00 in Berlin is 14:00 in UTC.
    assert held.due_ms == NOW_MS + 2 * 3_600_000 and held.attempts == 0
    assert await deliver_due(book, config, now_ms=held.due_ms) == 1
    assert len(receiver.got) == 2


async def test_urgent_ones_wait_too_if_the_channel_says_so(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    quiet = {"start": "11:00", "end": "13:00"}
    await hook(alerts, receiver, quiet=quiet, urgent_anytime=False)
    await tell(book, alert(urgent=True))
    assert await deliver_due(book, config, now_ms=NOW_MS) == 0
    assert receiver.got == []


async def test_what_ended_in_quiet_hours_is_told_once_by_its_end(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    await hook(alerts, receiver)
    await tell(book, alert(), alert("ended"))
    assert await deliver_due(book, config, now_ms=NOW_MS) == 2
    assert [headers["webhook-id"] for headers, _ in receiver.got] == ["queueing-shop-1-ended"]


async def test_new_quiet_hours_let_go_what_the_old_ones_held(
    book: Book, alerts: Alerts, receiver: Receiver
) -> None:
    await hook(alerts, receiver, quiet={"start": "00:00", "end": "23:59"})
    far_ms = now_ms() + 3_600_000
    await tell(book, alert(), due_ms=far_ms)
    await hook(alerts, receiver, quiet=None)
    [held] = await alerts.waiting(OWNER)
    assert held.due_ms < far_ms


async def test_a_delivery_has_one_attempt_at_a_time(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    await hook(alerts, receiver)
    await tell(book, alert())
    id_ = (await alerts.waiting(OWNER))[0].id
    await asyncio.gather(*(deliver(book, config, id_, now_ms=NOW_MS) for _ in range(8)))
    assert len(receiver.got) == 1


async def test_what_is_on_its_way_to_a_deleted_channel_is_dropped(
    book: Book, alerts: Alerts, config: Config, receiver: Receiver
) -> None:
    await hook(alerts, receiver)
    await tell(book, alert())
    await alerts.delete_channel(OWNER, "hook")
    assert await deliver_due(book, config, now_ms=NOW_MS) == 1
    assert receiver.got == [] and await alerts.waiting(OWNER) == []


async def test_the_test_button_sends_at_once_and_says_what_went_wrong(
    alerts: Alerts, receiver: Receiver, book: Book
) -> None:
    await hook(alerts, receiver, quiet={"start": "00:00", "end": "23:59"})
    await alerts.send_test(OWNER, "hook")
    assert orjson.loads(receiver.got[0][1])["type"] == "alert.test"
    with pytest.raises(TestTooSoonError):
        await alerts.send_test(OWNER, "hook")
    await book.give_back("waitroom:alerts:{@}:tested:hook")

    async def no_service(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="no_service")

    receiver.answers = [no_service]
    with pytest.raises(DeliveryError, match=r"answered 404 \(no_service\)\."):
        await alerts.send_test(OWNER, "hook")
    outcome = (await alerts.channel(OWNER, "hook")).outcome
    assert "no_service" in outcome.error and outcome.failed_ms and outcome.delivered_ms


async def test_without_a_mail_server_a_mail_is_given_up_with_the_reason(
    book: Book, alerts: Alerts, config: Config
) -> None:
    await alerts.save_channel(OWNER, {"name": "hook", "kind": "mail", "to": ["ada@example.com"]})
    await tell(book, alert())
    await deliver_due(book, config, now_ms=NOW_MS)
    [dead] = await alerts.dead_letters(OWNER)
    assert "WAITROOM_SMTP_URL" in dead.error


async def test_a_mail_server_that_hangs_holds_nobody(
    book: Book, alerts: Alerts, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr("waitroom.alerts.senders.MAIL_S", 0.3)
    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    config = config.model_copy(update={"smtp_url": _secret(url), "mail_from": "w@example.com"})
    await alerts.save_channel(OWNER, {"name": "hook", "kind": "mail", "to": ["ada@example.com"]})
    await tell(book, alert())
    began = monotonic_s()
    assert await deliver_due(book, config, now_ms=NOW_MS) == 0
    assert monotonic_s() - began < 3
    assert "did not take it within" in (await alerts.waiting(OWNER))[0].error
    server.close()
    await server.wait_closed()


def _secret(url: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(url)
