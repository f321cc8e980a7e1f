"""Settings of this installation, from the environment and ``.env``.

Read once at start. A wrong value stops the start with one line that names the key, the value
and what is allowed; secrets hide themselves.
"""

import difflib
import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from waitroom.addresses import read_address
from waitroom.errors import ConfigError, SettingError
from waitroom.mail_server import mail_sender, server_options
from waitroom.ranges import allowed
from waitroom.tokens import MIN_KEY_LENGTH

PREFIX = "WAITROOM_"

Port = Annotated[int, Field(ge=0, le=65_535)]


def _redis_url(url: str | None) -> str | None:
    if url is not None:
        try:
            read_address(url)
        except ConfigError as e:
            raise ValueError(e.detail) from None
    return url


RedisUrl = Annotated[str | None, AfterValidator(_redis_url)]


class Config(BaseSettings):
    """One installation's settings; ``.env.example`` explains each.

    Attributes:
        environment: ``production`` takes secrets from the environment or ``.env`` only.
        redis_url: Where rooms live; none means the embedded server of ``waitroom up``.
        rq_redis_url: Where RQ keeps its queues; none means ``redis_url``.
        secret_keys: Signing keys, oldest first; the last one signs, all verify.
        edge_token: What edges show to the service.
        total_active_users: Default of new rooms, seats.
        session_duration_s: Default of new rooms, seconds.
        host: Address the web process listens on.
        port: Port of the web process; 0 takes a free one.
        server: What serves the application; others than Hypercorn come with the extra
            ``servers``.
        web_processes: How many web processes share the port.
        drain_s: How long a web process that was told to stop spreads the end of its sockets,
            seconds.
        demo_port: Port of the demo shop.
        service_url: Where an edge finds the web process.
        data_dir: Where ``waitroom up`` keeps its data and secrets.
        tick_ms: How often a web process admits and looks at the board, milliseconds.
        log_level: Least important level that is logged.
        log_format: ``json`` for machines, ``console`` for people.
        smtp_url: The mail server; none means that no mail is sent.
        mail_from: Who mails are from.
        alerts_allow_networks: Private networks in which webhooks may be.
        reports_dir: Where reports are kept; none means ``reports`` in ``data_dir``.
        trusted_proxies: How many proxies before the web process each add the address of whom they
            serve to X-Forwarded-For; sign-ins are throttled by it.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=False
    )

    environment: Literal["development", "production"] = "development"
    redis_url: RedisUrl = None
    rq_redis_url: Annotated[RedisUrl, Field(validate_default=True)] = None
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    edge_token: SecretStr | None = None
    total_active_users: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    session_duration_s: Annotated[int, Field(ge=10, le=86_400)] = 300
    host: str = "127.0.0.1"
    port: Port = 8000
    server: Literal["hypercorn", "uvicorn", "granian"] = "hypercorn"
    web_processes: Annotated[int, Field(ge=1, le=64)] = 1
    drain_s: Annotated[int, Field(ge=0, le=600)] = 3
    demo_port: Port = 8080
    service_url: str = ""
    data_dir: Path = Path(".waitroom")
    tick_ms: Annotated[int, Field(ge=50, le=1_000)] = 200
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    smtp_url: SecretStr | None = None
    mail_from: Annotated[str, Field(validate_default=True)] = ""
    alerts_allow_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    reports_dir: Path | None = None
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        keys = [key.strip() for key in value.split(",") if key.strip()]
        if any(len(key) < MIN_KEY_LENGTH for key in keys):
            raise ValueError(f"each key must have at least {MIN_KEY_LENGTH} characters")
        return keys

    @field_validator("service_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("edge_token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_KEY_LENGTH:
            raise ValueError(f"must have at least {MIN_KEY_LENGTH} characters")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            server_options(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("smtp_url"):
            raise ValueError("must be set when WAITROOM_SMTP_URL is, as in waitroom@example.com")
        try:
            return value and mail_sender(value)
        except SettingError as e:
            raise ValueError(e.allowed) from None

    @field_validator("alerts_allow_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return [ip_network(part.strip()) for part in value.split(",") if part.strip()]
        except ValueError:
            raise ValueError("must be networks such as 10.1.0.0/16, separated by commas") from None

    @field_validator(
        "redis_url", "rq_redis_url", "edge_token", "smtp_url", "reports_dir", mode="before"
    )
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        # `WAITROOM_REDIS_URL=` in a .env file means "not set".
        return None if value == "" else value

    @field_validator("rq_redis_url")
    @classmethod
    def _not_a_cluster(cls, value: str | None, info: ValidationInfo) -> str | None:
        url = value or info.data.get("redis_url")
        if url and read_address(url).kind == "cluster":
            raise ValueError(
                "must name a server or a master that Sentinels watch: RQ's queues cannot live on"
                " a Cluster"
            )
        return value

    def signing_keys(self) -> list[str]:
        """Return the signing keys in clear, oldest first."""
        return [key.get_secret_value() for key in self.secret_keys]


def load_config(**overrides: Any) -> Config:
    """Read the configuration of this process.

    Args:
        overrides: Values that win over the environment, such as a command's options; None
            means not given.

    Returns:
        The configuration, checked.

    Raises:
        ConfigError: One line that names key, value and what is allowed.
    """
    _refuse_unknown()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Config(**given)
    except ValidationError as e:
        raise ConfigError(_describe(e)) from None


def _refuse_unknown() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Config.model_fields}
    try:
        named = {*os.environ, *dotenv_values(".env")}
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f".env cannot be read ({type(e).__name__}): it must be UTF-8 text") from e
    for name in sorted(named):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else "; see .env.example"
            raise ConfigError(f"{name} is not a setting{hint}")


def _describe(error: ValidationError) -> str:
    first = error.errors()[0]
    field = str(first["loc"][0])
    key = PREFIX + field.upper()
    secret = field in ("secret_keys", "edge_token", "smtp_url") or field.endswith("redis_url")
    shown = "(hidden)" if secret else str(first["input"])
    said = first["msg"].removeprefix("Value error, ")
    phrase = allowed(Config, field) if first["type"] != "value_error" else ""
    return f"{key}={shown}: {f'must be {phrase}' if phrase else said}"
