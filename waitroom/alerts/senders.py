"""How each kind of channel is told: Slack's JSON, a signed webhook, a mail."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Sequence

import orjson

from waitroom import clock
from waitroom.alerts.alert import Alert, iso
from waitroom.alerts.channels import Channel
from waitroom.alerts.errors import DeliveryError
from waitroom.alerts.reach import post
from waitroom.config import Config
from waitroom.errors import MailError, SettingError
from waitroom.mail import send as send_mail

#: Longest a mail takes, seconds: less than one with a report, since sweeps wait for it.
MAIL_S = 10.0


async def send(config: Config, channel: Channel, alert: Alert, *, left: Sequence[str] = ()) -> None:
    """Tell one channel.

    Args:
        config: This installation's settings.
        channel: Where to.
        alert: What.
        left: Of a mail: who does not have it while others do; empty for all.

    Raises:
        DeliveryError: If it was not taken, or nobody knows whether it was.
    """
    if channel.kind == "mail":
        await _mail(config, channel, alert, left)
        return
    if channel.url is None:
        raise DeliveryError("The channel has no address.", permanent=True)
    if channel.kind == "slack":
        body, headers = slack_body(alert), {}
    else:
        body = orjson.dumps(alert.payload())
        headers = signed(channel.signing_key(), alert.id, clock.now_ms() // 1000, body)
    url = channel.url.get_secret_value()
    await post(url, body, headers, allowed=config.alerts_allow_networks)


def slack_body(alert: Alert) -> bytes:
    """Return what Slack is sent. Names in it come from owners: they mention and link nobody."""
    mark = {"started": ":warning:", "ended": ":white_check_mark:", "test": ":wave:"}[alert.phase]
    text = f"{mark} *{_escaped(alert.title)}*\n{_escaped(alert.text)}"
    return orjson.dumps({"text": text, "unfurl_links": False, "unfurl_media": False})


def signed(key: bytes | None, id_: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of a webhook, as Standard Webhooks has them (standardwebhooks.com).

    ``webhook-signature`` is ``v1,`` and the base64 of HMAC-SHA256 over
    ``{webhook-id}.{webhook-timestamp}.{body}``. A receiver computes the same, compares in constant
    time, and refuses a timestamp more than five minutes away. ``webhook-id`` is the idempotency
    key: the same alert has the same one however often it is sent.

    Args:
        key: What signs; None sends no signature.
        id_: The alert's.
        at_s: When it is sent, seconds since the epoch.
        body: What is sent, to the byte.
    """
    headers = {"webhook-id": id_, "webhook-timestamp": str(at_s), "Idempotency-Key": id_}
    if key is not None:
        digest = hmac.new(key, f"{id_}.{at_s}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


async def _mail(config: Config, channel: Channel, alert: Alert, left: Sequence[str]) -> None:
    # Who was taken off the channel meanwhile gets nothing any more.
    to = [each for each in channel.to if each in left] if left else channel.to
    if not to:
        return
    where = f"Room: {alert.room}\n" if alert.room else ""
    text = (
        f"{alert.title}\n\n{alert.text}\n\n{where}Since: {iso(alert.since_ms)}\n"
        f"Told: {iso(alert.at_ms)}\nAlert: {alert.id}\n"
    )
    try:
        async with asyncio.timeout(MAIL_S):
            await send_mail(config, to, f"[Waitroom] {alert.title}", text, key=alert.id)
    except TimeoutError:
        detail = f"The mail server did not take it within {MAIL_S:.0f} s."
        raise DeliveryError(detail) from None
    except (MailError, SettingError) as e:
        permanent = isinstance(e, SettingError) or e.permanent
        kept = e.left if isinstance(e, MailError) else []
        raise DeliveryError(e.detail, permanent=permanent, left=kept) from None


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
