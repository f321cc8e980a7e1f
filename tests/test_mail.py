"""Mail, to a real server on the loopback; and what is refused before anything is sent."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.alerts.conftest import Mailbox, mailbox  # noqa: F401 - a fixture
from waitroom import mail
from waitroom.config import Config, load_config
from waitroom.errors import ConfigError, MailError, MailOffError, SettingError
from waitroom.mail import Attachment, send
from waitroom.mail_server import server_options


def at(url: str) -> Config:
    base = Config(_env_file=None, mail_from="Waitroom <waitroom@example.com>")
    return base.model_copy(update={"smtp_url": SecretStr(url)})


async def test_a_mail_arrives_with_text_page_and_file(mailbox: tuple[Mailbox, str]) -> None:  # noqa: F811
    box, url = mailbox
    files = [Attachment("report ü.csv", b"place\n1\n", "text/csv")]
    await send(
        at(url),
        ["ada@example.com", "bob@example.com"],
        "Grüße\r\nBcc: eve@example.com",
        "Text",
        "<p>Page</p>",
        files,
    )
    [envelope] = box.got
    assert envelope.mail_from == "waitroom@example.com"
    assert envelope.rcpt_tos == ["ada@example.com", "bob@example.com"]
    found: Any = message_from_bytes(box.content(envelope), policy=policy.default)
    # A line break in what an owner typed does not become a header.
    assert found["Subject"] == "Grüße Bcc: eve@example.com" and found["Bcc"] is None
    assert found["From"] == "Waitroom <waitroom@example.com>"
    assert found["Auto-Submitted"] == "auto-generated" and found["Date"] and found["Message-ID"]
    assert found.get_body(("plain",)).get_content().split() == ["Text"]
    assert found.get_body(("html",)).get_content().split() == ["<p>Page</p>"]
    [file] = found.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("report ü.csv", "text/csv")
    assert file.get_payload(decode=True) == b"place\n1\n"


async def test_the_same_key_is_the_same_message(mailbox: tuple[Mailbox, str]) -> None:  # noqa: F811
    box, url = mailbox
    for key in ("a", "a", None, None):
        await send(at(url), "ada@example.com", "x", "x", key=key)
    ids = [message_from_bytes(box.content(each))["Message-ID"] for each in box.got]
    assert ids[0] == ids[1] == "<a@example.com>" and len(set(ids)) == 3


async def test_a_recipient_that_is_refused_is_said(mailbox: tuple[Mailbox, str]) -> None:  # noqa: F811
    box, url = mailbox
    with pytest.raises(MailError, match="1 of 2 recipients") as refused:
        await send(at(url), ["ada@example.com", "nobody@example.com"], "x", "x")
    assert len(box.got) == 1 and "nobody" not in refused.value.detail
    with pytest.raises(MailError, match="all recipients") as refused:
        await send(at(url), "nobody@example.com", "x", "x")
    assert refused.value.permanent


@pytest.mark.parametrize(("said", "permanent"), [("451 later", False), ("554 never", True)])
async def test_a_mail_that_is_refused_says_whether_to_try_again(
    mailbox: tuple[Mailbox, str],  # noqa: F811
    said: str,
    permanent: bool,
) -> None:
    box, url = mailbox
    box.refuse = said
    with pytest.raises(MailError, match=rf"refused the mail \({said[:3]}\)") as refused:
        await send(at(url), "ada@example.com", "x", "x")
    assert refused.value.permanent is permanent


async def test_without_a_server_nothing_is_sent() -> None:
    with pytest.raises(MailOffError):
        await send(Config(_env_file=None), "ada@example.com", "x", "x")


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "Ada <ada@example.com>",
        "ada@example.com, bob@example.com",
        "ada@example.com\r\nRCPT TO:<eve@example.com>",
        "ada@example.com\0",
        "a" * 300 + "@example.com",
    ],
)
async def test_what_is_no_address_is_refused(to: str, mailbox: tuple[Mailbox, str]) -> None:  # noqa: F811
    box, url = mailbox
    with pytest.raises(SettingError, match="mail address"):
        await send(at(url), to, "x", "x")
    assert box.got == []


async def test_a_crowd_of_recipients_is_refused() -> None:
    for to in ([], ["ada@example.com"] * 51):
        with pytest.raises(SettingError, match="1 to 50"):
            await send(at("smtp://127.0.0.1:1"), to, "x", "x")


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """Return the address of a server that takes connections and says nothing."""
    over = asyncio.Event()

    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    yield f"smtp://ada:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    over.set()
    server.close()
    await server.wait_closed()


async def test_a_server_that_says_nothing_holds_nobody(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "TIMEOUT_S", 0.3)
    with pytest.raises(MailError, match="in time") as refused:
        await send(at(silent), "ada@example.com", "x", "x")
    assert "hunter2" not in str(refused.value) and not refused.value.permanent


async def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(MailError, match="cannot be used"):
        await send(at("smtp://127.0.0.1:1"), "ada@example.com", "x", "x")


def test_a_password_goes_over_tls_only() -> None:
    assert server_options("smtp://a:p@mail.example.com")["start_tls"] is True
    assert server_options("smtps://a:p@mail.example.com") | {"timeout": 0} == {
        "hostname": "mail.example.com",
        "port": 465,
        "use_tls": True,
        "start_tls": False,
        "timeout": 0,
        "username": "a",
        "password": "p",
    }
    assert server_options("smtp://mail.example.com")["start_tls"] is None
    assert server_options("smtp://mail.example.com?tls=off")["start_tls"] is False
    assert server_options("smtp://a:p@127.0.0.1:25?tls=off")["port"] == 25
    for url in ("smtp://a:p@h?tls=off", "smtps://h?tls=off"):
        with pytest.raises(ValueError, match="tls=off"):
            server_options(url)


@pytest.mark.parametrize(
    "url", ["http://h", "smtp://", "smtp://h:x", "smtp://h/path", "smtp://h?x=1", "smtp://h#x"]
)
def test_an_address_that_cannot_be_right_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        server_options(url.replace("h", "hunter2.example", 1) if "h" in url[6:] else url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SMTP_URL", "smtpx://ada:hunter2@h", "(hidden): must start with smtp:// or smtps://"),
        ("SMTP_URL", "smtp://ada:hunter2@h?tls=off", "(hidden): would send the password in clear"),
        ("MAIL_FROM", "nobody", "nobody: must be a mail address such as ada@example.com"),
        ("MAIL_FROM", "Ada <a@b.c>\r\nX: y", "must be one line"),
        ("ALERTS_ALLOW_NETWORKS", "10.0.0.1/8", "must be networks such as 10.1.0.0/16"),
    ],
)
def test_a_wrong_setting_stops_the_start_in_one_line(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"WAITROOM_{name}", value)
    with pytest.raises(ConfigError) as refused:
        load_config()
    assert refused.value.detail.startswith(f"WAITROOM_{name}=")
    assert said in refused.value.detail and "hunter2" not in refused.value.detail


def test_a_mail_server_needs_a_sender(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAITROOM_SMTP_URL", "smtp://ada:hunter2@mail.example.com")
    with pytest.raises(ConfigError, match="WAITROOM_MAIL_FROM=: must be set"):
        load_config()
    monkeypatch.setenv("WAITROOM_MAIL_FROM", "Waitroom <waitroom@example.com>")
    monkeypatch.setenv("WAITROOM_ALERTS_ALLOW_NETWORKS", "10.1.0.0/16, 192.168.7.20/32")
    found = load_config()
    assert "hunter2" not in repr(found) + str(found.model_dump())
    assert [str(each) for each in found.alerts_allow_networks] == ["10.1.0.0/16", "192.168.7.20/32"]
