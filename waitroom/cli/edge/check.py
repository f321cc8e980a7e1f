"""`waitroom edge check`: reads what this installation knows, visits the site, and judges."""

import asyncio

from yarl import URL

from waitroom.cli.common import with_rooms
from waitroom.cli.edge.finding import Finding
from waitroom.cli.edge.findings import findings_of, keys_found
from waitroom.cli.edge.origin import origin_found
from waitroom.cli.edge.view import Known, look
from waitroom.cli.edge.visit import visiting
from waitroom.config import Config, load_config
from waitroom.errors import ConfigError, RequestError, RoomNotFoundError, StoreError
from waitroom.gate.rooms import EdgeRoom
from waitroom.keyring import with_secrets
from waitroom.room import Directory, Store
from waitroom.tokens import Tokens


def examine(
    url: str, *, room: str = "", origin: str | None = None, without_keys: bool = False
) -> list[Finding]:
    """Return all findings about a guarded site.

    Args:
        url: A page of it, as visitors write it.
        room: The room that should stand there; empty if any is right.
        origin: Address of the site behind the edge; None leaves it out.
        without_keys: Whether it is all right that this installation's keys are not known here.

    Raises:
        RequestError: ``bad_url`` or ``bad_origin``; nobody was asked.
        RoomNotFoundError: If this installation has no such room.
        ConfigError: If a setting of this installation is wrong.
    """
    page = _address("URL", url, "bad_url")
    behind = _address("--origin", origin, "bad_origin") if origin else None
    if behind is not None and behind.origin() == page.origin():
        raise RequestError("--origin is the guarded site itself.", code="bad_origin")
    if behind is not None and (behind.path.strip("/") or behind.query_string):
        raise RequestError("--origin takes scheme, host and port only.", code="bad_origin")
    known = _known(load_config())
    if room and known.rooms is not None and known.room(room) is None:
        raise RoomNotFoundError(room)
    findings = asyncio.run(_examine(page, known, room, behind))
    if known.tokens is None:
        findings.append(keys_found(needed=not without_keys))
    return findings


async def _examine(page: URL, known: Known, room: str, origin: URL | None) -> list[Finding]:
    async with visiting(page) as visitor:
        findings = findings_of(await look(visitor, known, room))
        if origin is not None:
            findings.append(await origin_found(visitor, origin))
        return findings


def _known(config: Config) -> Known:
    try:
        tokens = Tokens(with_secrets(config, create=False).signing_keys())
    except ConfigError:
        tokens = None
    try:
        return Known(with_rooms(_rooms), tokens)
    except StoreError:
        return Known(None, tokens)
    except ConfigError:
        return Known(None, tokens, _absence(config))


def _absence(config: Config) -> str:
    if config.data_dir.is_dir():
        return f"`waitroom up` does not run on {config.data_dir} here"
    return "No installation of Waitroom is here"


async def _rooms(_config: Config, _store: Store, directory: Directory) -> list[EdgeRoom]:
    return [
        EdgeRoom.model_validate({"name": room.name, **room.settings.model_dump(mode="json")})
        for room in await directory.rooms()
    ]


def _address(what: str, text: str, code: str) -> URL:
    try:
        found = URL(text)
        port_is_good = found.port is not None
    except ValueError:
        port_is_good = False
    if not port_is_good or found.scheme not in ("http", "https") or not found.host:
        # It is not shown: somebody may have put a password into it.
        raise RequestError(
            f"{what} must be an address such as https://shop.example.com/.", code=code
        )
    if found.user is not None or found.password is not None:
        raise RequestError(f"{what} must not hold credentials.", code=code)
    return found.with_fragment(None)
