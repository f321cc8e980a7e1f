"""Sends one mail over SMTP: reports and alerts.

The server is ``WAITROOM_SMTP_URL``: ``smtp://`` (port 587 without one; TLS by STARTTLS) or ``smtps://``
(port 465, TLS from the first byte). A password is never sent in clear, save to this host itself.
Whatever the server does, a call ends within ``TIMEOUT_S``.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr

import aiosmtplib

from waitroom.config import Config
from waitroom.errors import MailError, MailOffError, SettingError
from waitroom.mail_server import mail_address, server_options

#: Longest a whole sending takes, seconds.
TIMEOUT_S = 30.0
#: Most addresses of one mail.
RECIPIENTS_MAX = 50
SUBJECT_MAX = 200


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail.

    Attributes:
        name: What it is called there, such as ``report.csv``.
        content: Its bytes.
        media_type: Such as ``text/csv``.
    """

    name: str
    content: bytes
    media_type: str = "application/octet-stream"


async def send(
    config: Config,
    to: str | Sequence[str],
    subject: str,
    text: str,
    html: str | None = None,
    attachments: Sequence[Attachment] = (),
    *,
    key: str | None = None,
) -> None:
    """Hand one mail to the mail server.

    Args:
        config: Names the server and the sender.
        to: One address or several, at most ``RECIPIENTS_MAX``; all of them see each other.
        subject: One line; longer ones than ``SUBJECT_MAX`` are cut.
        text: The mail as text.
        html: The same as HTML, for those who read that.
        attachments: Files that go along.
        key: Names what is told: mails with the same key have the same Message-ID, so that one
            sent again after an uncertain end is seen to be the same.

    Raises:
        MailOffError: If no mail server is set up. Nothing was sent.
        SettingError: If an address is not one. Nothing was sent.
        MailError: If the server did not take it, for all or for some recipients; ``permanent`` says
            that the same mail will never be taken, ``left`` who is left when others have it.
    """
    if config.smtp_url is None:
        raise MailOffError
    recipients = [to] if isinstance(to, str) else list(to)
    message = _message(config.mail_from, recipients, subject, text, html, key)
    for file in attachments:
        main, _, sub = file.media_type.partition("/")
        message.add_attachment(file.content, main, sub, filename=file.name)
    where = server_options(config.smtp_url.get_secret_value())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            refused, _ = await aiosmtplib.send(message, recipients=recipients, **where)
    except (aiosmtplib.SMTPException, OSError, ValueError) as e:
        raise _said(e) from None
    if refused:
        raise MailError(
            f"The mail server refused {len(refused)} of {len(recipients)} recipients.",
            permanent=all(each.code >= 500 for each in refused.values()),
            left=list(refused),
        )


def _message(
    sender: str, to: list[str], subject: str, text: str, html: str | None, key: str | None
) -> EmailMessage:
    if not 1 <= len(to) <= RECIPIENTS_MAX:
        raise SettingError("to", len(to), f"must be 1 to {RECIPIENTS_MAX} addresses")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(mail_address(address) for address in to)
    # Names come from owners: a line break in one must not become a header.
    message["Subject"] = " ".join(subject.split())[:SUBJECT_MAX]
    message["Date"] = formatdate(localtime=False)
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message["Message-ID"] = f"<{key}@{domain}>" if key else make_msgid(domain=domain)
    # Nobody's holiday answers this (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def _said(error: Exception) -> MailError:
    """Say what went wrong; texts of servers are left out, they may repeat what we sent."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return MailError(f"The mail server refused the login ({error.code}).", permanent=True)
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        permanent = all(each.code >= 500 for each in error.recipients)
        return MailError("The mail server refused all recipients.", permanent=permanent)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return MailError(
            f"The mail server refused the mail ({error.code}).", permanent=error.code >= 500
        )
    if isinstance(error, ssl.SSLCertVerificationError) or isinstance(
        error.__cause__, ssl.SSLCertVerificationError
    ):
        return MailError("The mail server's certificate is not valid for its name.")
    if isinstance(error, TimeoutError):
        return MailError("The mail server did not answer in time.")
    return MailError(f"The mail server cannot be used ({type(error).__name__}).")
