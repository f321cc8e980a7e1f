"""Where the signing keys and the edges' token come from.

The environment comes first. In development, `waitroom up` makes what is missing once and keeps
it in the data folder, readable by its owner only; the other commands read it there. A production
process takes secrets from the environment and from nowhere else.
"""

import os
import secrets

from dotenv import dotenv_values
from pydantic import SecretStr

from waitroom.config import Config
from waitroom.errors import ConfigError

FILE_NAME = "secrets.env"


def with_secrets(config: Config, *, create: bool) -> Config:
    """Return the configuration with signing keys and edge token filled in.

    Args:
        config: What the environment says.
        create: Make and keep what is missing; only `waitroom up` does.

    Raises:
        ConfigError: If a secret is missing and may not be read from, or made in, the data folder.
    """
    if config.secret_keys and config.edge_token is not None:
        return config
    missing = "WAITROOM_EDGE_TOKEN" if config.secret_keys else "WAITROOM_SECRET_KEYS"
    if config.environment == "production":
        raise ConfigError(f"{missing} is not set; in production it must be, {_how(config)}")
    kept = _kept(config)
    if create and kept is None:
        kept = _make(config)
    if kept is None:
        raise ConfigError(f"{missing} is not set: start `waitroom up` once, or set it")
    keys, token = kept
    return config.model_copy(
        update={
            "secret_keys": config.secret_keys or tuple(SecretStr(key) for key in keys),
            "edge_token": config.edge_token or SecretStr(token),
        }
    )


def _how(config: Config) -> str:
    what = "at least 32 characters" if config.secret_keys else "keys of at least 32 characters"
    return f"{what}, as from: openssl rand -hex 32"


def _kept(config: Config) -> tuple[list[str], str] | None:
    path = config.data_dir / FILE_NAME
    if not path.exists():
        return None
    values = dotenv_values(path)
    keys = [key for key in (values.get("WAITROOM_SECRET_KEYS") or "").split(",") if key]
    token = values.get("WAITROOM_EDGE_TOKEN") or ""
    if not keys or not token:
        raise ConfigError(f"{path} is damaged: mend it, or delete it (tickets then start anew)")
    return keys, token


def _make(config: Config) -> tuple[list[str], str]:
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Not from clock.py: these are kept, and nothing that is repeatable depends on them.
    key, token = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
    text = (
        "# Made by `waitroom up`. Whoever has these can write tickets and passes.\n"
        f"WAITROOM_SECRET_KEYS={key}\nWAITROOM_EDGE_TOKEN={token}\n"
    )
    path = config.data_dir / FILE_NAME
    # Written aside and renamed: a reader sees all of it or nothing.
    aside = path.with_suffix(f".{os.getpid()}")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    aside.rename(path)
    return [key], token
