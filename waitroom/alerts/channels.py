"""Where alerts go: Slack, any webhook, or mail. Secrets go in and never come out again."""

import base64
import binascii
import re
import secrets
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
    model_validator,
)

from waitroom.alerts.quiet import Quiet
from waitroom.alerts.rules import ROOM_KINDS, Kind, setting_error
from waitroom.errors import SettingError
from waitroom.mail_server import mail_address
from waitroom.room.settings import ROOM_NAME

URL_MAX = 2_000
#: How a secret of the Standard Webhooks specification begins.
SECRET_PREFIX = "whsec_"  # noqa: S105 - what such a secret begins with, not one


def _url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        fine = None
    if not fine or len(text) > URL_MAX or re.search(r"[\x00-\x20\x7f\\]", text):
        raise ValueError("must be an address such as https://hooks.example.com/alerts")
    return value


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text.startswith(SECRET_PREFIX):
        try:
            long_enough = len(base64.b64decode(text[len(SECRET_PREFIX) :], validate=True)) >= 16
        except binascii.Error:
            long_enough = False
        if not long_enough:
            raise ValueError("must be base64 of at least 16 bytes after whsec_")
    if not 16 <= len(text) <= 256:
        raise ValueError("must have 16 to 256 characters")
    return value


def _recipient(value: str) -> str:
    try:
        return mail_address(value)
    except SettingError as e:
        raise ValueError(e.allowed) from None


def _room(value: str) -> str:
    if not ROOM_NAME.fullmatch(value):
        raise ValueError("must be names of rooms")
    return value


class Channel(BaseModel):
    """One place that is told.

    Attributes:
        name: What the owner calls it: 1 to 40 of a-z, 0-9, ``-`` and ``_``.
        kind: How it is told.
        on: Whether it is told at all; alerts of an off time are not told later.
        url: With ``slack`` and ``webhook``: where to. Public addresses take https only; private
            ones have to be allowed by ``WAITROOM_ALERTS_ALLOW_NETWORKS``.
        secret: With ``webhook``: what signs; 16 characters or more, or ``whsec_`` and base64.
        to: With ``mail``: addresses.
        rooms: Rooms it is told of, nothing else; None for all of them and the installation.
        kinds: Conditions it is told of; None for all.
        quiet: When it is told later: when the quiet hours end.
        urgent_anytime: Whether urgent alerts come in quiet hours too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    kind: Literal["slack", "webhook", "mail"]
    on: bool = True
    url: Annotated[SecretStr, AfterValidator(_url)] | None = None
    secret: Annotated[SecretStr, AfterValidator(_secret)] | None = None
    to: Annotated[list[Annotated[str, AfterValidator(_recipient)]], Field(max_length=20)] = Field(
        default_factory=list
    )
    rooms: (
        Annotated[list[Annotated[str, AfterValidator(_room)]], Field(min_length=1, max_length=100)]
        | None
    ) = None
    kinds: Annotated[list[Kind], Field(min_length=1, max_length=20)] | None = None
    quiet: Quiet | None = None
    urgent_anytime: bool = True

    @model_validator(mode="after")
    def _complete(self) -> "Channel":
        if self.kind == "mail":
            if not self.to:
                raise ValueError("to: a mail channel needs an address at least")
            if self.url or self.secret:
                raise ValueError("url: a mail channel has neither url nor secret")
            return self
        if self.url is None:
            raise ValueError(f"url: a {self.kind} channel needs one")
        if self.to:
            raise ValueError(f"to: a {self.kind} channel has no mail addresses")
        if self.kind == "slack" and self.secret:
            raise ValueError("secret: Slack takes none")
        return self

    @field_serializer("url", "secret")
    def _kept(self, value: SecretStr | None) -> str | None:
        return None if value is None else value.get_secret_value()

    def wants(self, kind: Kind, room: str | None) -> bool:
        """Say whether it is told of a condition.

        Args:
            kind: The condition's kind.
            room: The room it concerns; None for the installation.
        """
        if not self.on or (self.kinds is not None and kind not in self.kinds):
            return False
        return self.rooms is None or (kind in ROOM_KINDS and room in self.rooms)

    def held_until_ms(self, now_ms: int, *, urgent: bool) -> int | None:
        """Return until when an alert has to wait for the end of quiet hours.

        Args:
            now_ms: Milliseconds since the epoch.
            urgent: Whether the alert is.

        Returns:
            Milliseconds since the epoch; None when it may go now.
        """
        if self.quiet is None or (urgent and self.urgent_anytime):
            return None
        return self.quiet.until_ms(now_ms)

    @property
    def address(self) -> str:
        """Where to, as may be shown: of a URL scheme and host, the rest of it may be secret."""
        return ", ".join(self.to) if self.url is None else shown_url(self.url.get_secret_value())

    def signing_key(self) -> bytes | None:
        """Return the bytes that sign; None without a secret."""
        if self.secret is None:
            return None
        text = self.secret.get_secret_value()
        if text.startswith(SECRET_PREFIX):
            return base64.b64decode(text[len(SECRET_PREFIX) :])
        return text.encode()


def shown_url(url: str) -> str:
    """Return what may be shown of an address: scheme, host and port.

    Args:
        url: May hold credentials, and a path or query that is a secret.
    """
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}" + ("/…" if len(parts.path) > 1 or parts.query else "")


def read_channel(fields: dict[str, Any], old: Channel | None = None) -> Channel:
    """Return a channel made of what somebody typed or sent.

    Args:
        fields: In the types of JSON. What is left out stays as in ``old``, or has its default; so
            do secrets that are None or empty, since nobody can send back what is never shown.
        old: The channel as it is; None for a new one.

    Returns:
        The channel; a new webhook without a secret gets one.

    Raises:
        SettingError: Names the field and what is allowed; no secret is repeated.
    """
    given = {
        name: value
        for name, value in fields.items()
        if value not in (None, "") or name not in ("url", "secret")
    }
    if old is not None and given.get("kind", old.kind) == old.kind:
        given = old.model_dump() | given
    if given.get("kind") == "webhook":
        given.setdefault("secret", new_secret())
        given["secret"] = given["secret"] or new_secret()
    try:
        return Channel.model_validate(given)
    except ValidationError as e:
        raise setting_error(e, Channel) from None


def new_secret() -> str:
    """Return a new secret for a webhook: 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
