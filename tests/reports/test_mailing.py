"""The mail that takes a report to the owner, to a real mail server on the loopback."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import pytest
from pydantic import SecretStr

from tests.alerts.conftest import Mailbox, mailbox  # noqa: F401 - a fixture
from waitroom.config import Config
from waitroom.reports import Report, Reports, mailing
from waitroom.reports import reports as reports_module
from waitroom.reports.errors import ReportFolderError
from waitroom.reports.reports import MAIL_TURN_S
from waitroom.reports.states import States
from waitroom.room import Directory, Store
from waitroom.room.keys import Keys

from .conftest import Sale


@pytest.fixture
def mailed(mailbox: tuple[Mailbox, str], store: Store, config: Config) -> Reports:  # noqa: F811
    changes = {"smtp_url": SecretStr(mailbox[1]), "mail_from": "waitroom@example.com"}
    return Reports(store, config.model_copy(update=changes))


async def close(directory: Directory, reports: Reports, times: int = 4, **changes: Any) -> Report:
    """Close the room and return its report as it is a few rounds later."""
    await directory.update("shop", {"closed": True, **changes}, who="ada")
    for _ in range(times):
        await reports.tend(await directory.get("shop"), 30.0)
    return (await reports.list("shop"))[0]


def message(box: Mailbox) -> Any:
    [envelope] = box.got
    assert isinstance(envelope.content, bytes)
    return message_from_bytes(envelope.content, policy=policy.default)


@asynccontextmanager
async def _turn_never_given_back(store: Store, keys: Keys, seconds: int) -> AsyncIterator[bool]:
    yield bool(await store.redis.set(keys.writing, "dead", nx=True, ex=seconds))


TO: dict[str, Any] = {"report_to": ["ada@example.com", "ben@example.com"], "title": "Grand\nSale"}


async def test_the_owner_gets_the_report_once(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    mailbox: tuple[Mailbox, str],  # noqa: F811
) -> None:
    report = await close(directory, mailed, **TO)
    assert (report.mailing.state, report.mailing.tries) == ("sent", 1)
    mail = message(mailbox[0])
    assert mailbox[0].got[0].rcpt_tos == TO["report_to"]
    assert mail["Subject"] == "Report of Grand Sale: 5 visitors"
    files = {file.get_filename(): file.get_content() for file in mail.iter_attachments()}
    csv, html = (f"shop-{report.id}.{kind}" for kind in ("csv", "html"))
    assert set(files) == {csv, html}
    assert files[csv].encode() == (await mailed.open("shop", report.id, "csv")).read_bytes()
    assert "<strong>5</strong>visitors" in files[html]
    assert "deleted 31 days after" in mail.get_body(("plain",)).get_content()


async def test_a_second_worker_does_not_mail_what_the_first_one_is_mailing(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = []

    async def slow(*_: Any, **named: Any) -> None:
        sent.append(named["key"])
        if len(sent) == 1:
            # The mail server takes its time: the next round of another worker begins.
            await mailed.tend(await directory.get("shop"), 30.0)

    monkeypatch.setattr("waitroom.mail.send", slow)
    report = await close(directory, mailed, **TO)
    assert len(sent) == 1 and report.mailing.state == "sent"


async def test_one_killed_before_the_mail_is_noted_sends_the_same_message_once_more(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    store: Store,
    mailbox: tuple[Mailbox, str],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        pass

    async def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as dying, pytest.raises(Killed):
        # Nothing runs after a kill: its turn is not given back either.
        dying.setattr(States, "keep", killed)
        dying.setattr(reports_module, "turn", _turn_never_given_back)
        await close(directory, mailed, **TO)
    assert len(mailbox[0].got) == 1
    turn_key = (await directory.get("shop")).keys.writing
    await close(directory, mailed)
    assert len(mailbox[0].got) == 1
    assert 0 < await store.redis.pttl(turn_key) <= MAIL_TURN_S * 1_000
    await store.redis.delete(turn_key)
    report = await close(directory, mailed)
    assert report.mailing.state == "sent"
    first, second = mailbox[0].got
    ids = {message_from_bytes(Mailbox.content(each))["Message-ID"] for each in (first, second)}
    assert ids == {f"<report.shop.{report.id}@example.com>"}


async def test_a_full_disk_does_not_mail_a_report_again(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    mailbox: tuple[Mailbox, str],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk, pytest.raises(ReportFolderError, match="No space left"):
        disk.setattr(reports_module, "write_json", full)
        await close(directory, mailed, **TO)
    report = await close(directory, mailed)
    assert len(mailbox[0].got) == 1
    assert (report.mailing.state, report.mailing.tries) == ("sent", 1)


async def test_a_large_csv_is_named_not_attached(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    mailbox: tuple[Mailbox, str],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mailing, "CSV_MAX", 100)
    report = await close(directory, mailed, **TO)
    mail = message(mailbox[0])
    assert [file.get_filename() for file in mail.iter_attachments()] == [f"shop-{report.id}.html"]
    assert "waitroom report shop --out" in mail.get_body(("plain",)).get_content()


async def test_a_mail_that_is_not_taken_is_tried_again_and_the_report_stays(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    mailbox: tuple[Mailbox, str],  # noqa: F811
) -> None:
    mailbox[0].refuse = "451 later"
    report = await close(directory, mailed, **TO)
    # Not again and again in the same minute.
    assert (report.mailing.state, report.mailing.tries) == ("due", 1)
    assert "451" in report.mailing.error
    assert (await mailed.open("shop", report.id, "csv")).is_file()
    mailbox[0].refuse = ""
    states = mailed._states("shop")
    await states.keep(replace(report, mailing=replace(report.mailing, retry_ms=0)))
    report = await close(directory, mailed)
    assert (report.mailing.state, report.mailing.tries) == ("sent", 2)


async def test_who_has_the_report_does_not_get_it_again_with_those_who_do_not(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    mailbox: tuple[Mailbox, str],  # noqa: F811
) -> None:
    to = ["ada@example.com", "busy@example.com"]
    report = await close(directory, mailed, report_to=to)
    assert (report.mailing.state, report.mailing.left) == ("due", to[1:])
    mailbox[0].busy = False
    states = mailed._states("shop")
    await states.keep(replace(report, mailing=replace(report.mailing, retry_ms=0)))
    report = await close(directory, mailed)
    assert report.mailing.state == "sent"
    assert [envelope.rcpt_tos for envelope in mailbox[0].got] == [to[:1], to[1:]]


async def test_a_mail_that_is_refused_for_good_is_said(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    mailbox: tuple[Mailbox, str],  # noqa: F811
) -> None:
    mailbox[0].refuse = "554 never"
    report = await close(directory, mailed, **TO)
    assert (report.mailing.state, report.mailing.tries) == ("failed", 1)


async def test_without_a_mail_server_the_report_says_so(
    sale: Sale, directory: Directory, reports: Reports
) -> None:
    report = await close(directory, reports, **TO)
    assert report.mailing.state == "failed" and "WAITROOM_SMTP_URL" in report.mailing.error


async def test_nobody_named_gets_no_mail(
    sale: Sale,
    directory: Directory,
    mailed: Reports,
    mailbox: tuple[Mailbox, str],  # noqa: F811
) -> None:
    assert (await close(directory, mailed)).mailing.state == "none"
    assert mailbox[0].got == []
