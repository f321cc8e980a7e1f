import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from waitroom.config import Config
from waitroom.logs import configure_logging
from waitroom.tokens import Ticket, Tokens

TOKEN = Tokens(["k" * 32]).sign_ticket(Ticket("shop", "v" * 22, 1_700_000_000_000_000))


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_ours_and_theirs_look_alike(stream: io.StringIO) -> None:
    configure_logging(Config(_env_file=None), stream)
    structlog.get_logger("waitroom.x").info("room_created", room="shop")
    logging.getLogger("library").warning("odd %s", "thing")
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["room"], ours["level"]) == ("room_created", "shop", "info")
    assert (theirs["event"], theirs["level"]) == ("odd thing", "warning")
    assert set(ours) - {"room"} == set(theirs) == {"event", "level", "logger", "timestamp"}


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_token_and_no_password_gets_through(stream: io.StringIO, form: Any) -> None:
    configure_logging(Config(_env_file=None, log_format=form), stream)
    log = structlog.get_logger("waitroom.x")
    log.warning(f"odd ticket {TOKEN}", ticket="secret-1", url="redis://me:secret-2@host/0")
    logging.getLogger("library").error("cookie was %s", f"waitroom_ticket_shop={TOKEN}")
    try:
        raise ValueError(f"cannot read {TOKEN}")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert TOKEN not in text
    assert TOKEN.rpartition(".")[2] not in text
    assert "secret-" not in text
    assert "cannot read (token)" in text


def test_the_level_holds(stream: io.StringIO) -> None:
    configure_logging(Config(_env_file=None, log_level="warning"), stream)
    structlog.get_logger("waitroom.x").info("quiet")
    assert stream.getvalue() == ""
