"""Structured logs on standard error, one line an entry, with nothing secret in them.

Our own loggers (`structlog.get_logger()`) and those of the libraries end in the same place and
look the same. A last step masks whatever looks like a token, and passwords in addresses: a
belt to the braces of never logging them.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from waitroom.config import Config

#: Anything with the shape of our tokens: a payload, a dot, a SHA-256 in base64url.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
_PASSWORD = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*@")
_SECRET_NAMES = frozenset({"ticket", "pass", "token", "cookie", "authorization", "set_cookie"})
#: Libraries that say at "info" what is of interest at "debug" only.
_TALKATIVE = (
    "rq",
    "rq.worker",
    "rq.job",
    "rq.queue",
    "rq.cron",
    "engineio",
    "socketio",
    "hypercorn.error",
)

Entry = MutableMapping[str, Any]


def configure_logging(config: Config, stream: TextIO | None = None) -> None:
    """Send all logs of this process to one stream.

    Args:
        config: Names the least level and the format.
        stream: Where to; standard error when not given.
    """
    stream = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _time_stamper(config),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask,
                _renderer(config, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = logging.getLevelName(config.log_level.upper())
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def mask(_logger: Any, _method: str, entry: Entry) -> Entry:
    """Replace what must not stand in a log: tokens, and passwords in addresses."""
    for name, value in entry.items():
        if name.lower() in _SECRET_NAMES:
            entry[name] = "(hidden)"
        elif isinstance(value, str):
            entry[name] = _PASSWORD.sub("***@", _TOKEN.sub("(token)", value))
    return entry


def _time_stamper(config: Config) -> structlog.typing.Processor:
    if config.log_format == "console":
        return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    return structlog.processors.TimeStamper(fmt="iso", utc=True)


def _renderer(config: Config, stream: TextIO) -> structlog.typing.Processor:
    if config.log_format == "console":
        return structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=0)
    return structlog.processors.JSONRenderer(serializer=_json)


def _json(entry: Entry, **_options: Any) -> str:
    return orjson.dumps(entry, default=str).decode()
