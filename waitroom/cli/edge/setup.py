"""Makes a Worker of this installation: its sources in a folder, and its `wrangler.jsonc`.

Nothing secret is written; the two secrets go to Cloudflare by `wrangler secret put`.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from waitroom.errors import ConfigError, RequestError
from waitroom.loopback import is_loopback
from waitroom.return_to import PREFIX

#: Where the Worker's settings are.
SETTINGS = "wrangler.jsonc"
#: Folders and files of the sources that a deployment does not need.
_LEFT_OUT = re.compile(
    r"node_modules|dist|coverage|tests?|examples|\..*"
    r"|.*\.test\.[a-z]+|testing\.[a-z]+|vitest\.config\.[a-z]+"
)
_KEPT = frozenset({".gitignore"})

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#: As Cloudflare takes them: a wildcard begins the host or ends the path.
_ROUTE = re.compile(
    rf"(?P<host>(\*\.|\*)?{_LABEL}(\.{_LABEL})+)(?P<path>/[^\x00-\x20*?#\x7f-\U0010ffff]*\*?)"
)


@dataclass(frozen=True, slots=True)
class Worker:
    """What an owner says about one Worker.

    Attributes:
        name: Its name at Cloudflare.
        service_url: Where it finds the waiting room.
        routes: Patterns of the pages it stands in front of.
    """

    name: str
    service_url: str
    routes: tuple[str, ...]

    @classmethod
    def of(cls, name: str, service_url: str, routes: Sequence[str]) -> "Worker":
        """Check what an owner has typed.

        Args:
            name: Its name at Cloudflare.
            service_url: Scheme and host of the waiting room.
            routes: Patterns such as ``shop.example.com/*``. What the splash page needs is added.

        Raises:
            RequestError: ``bad_name``, ``bad_service_url`` or ``bad_route``; ``service_on_route``
                when the waiting room itself would stand behind this Worker.
        """
        if not _NAME.fullmatch(name):
            raise RequestError(
                f"--name {name!r}: a Worker's name has 1 to 63 of a-z, 0-9 and -.", code="bad_name"
            )
        service, guarded = _service_url(service_url), [_route(route) for route in routes]
        for route in guarded:
            if _covers(route, urlsplit(service).hostname or ""):
                raise RequestError(
                    f"--service-url {service!r} is on the route {route!r}: the Worker would ask "
                    "itself. Give the waiting room a host that no route covers.",
                    code="service_on_route",
                )
        return cls(name, service, tuple(_with_splash(guarded)))

    @property
    def partial(self) -> bool:
        """Whether a route covers only a part of its host."""
        paths = {f"/{route.partition('/')[2]}" for route in self.routes}
        return bool(paths - {"/*", f"{PREFIX}*"})


def sources() -> Path:
    """Return the folder with the Worker's sources: the wheel's own, or the checkout's.

    Raises:
        ConfigError: If there is none.
    """
    package = Path(__file__).resolve().parent.parent.parent
    for folder in (package / "_edge", package.parent / "edge"):
        if (folder / SETTINGS).is_file() and (folder / "package.json").is_file():
            return folder
    raise ConfigError("the Worker's sources are missing: install Waitroom again")


def write(worker: Worker, folder: Path, *, force: bool) -> list[Path]:
    """Write the Worker's files into a folder.

    Args:
        worker: What the owner said.
        folder: Made if it is missing.
        force: Write into a folder that has files; only those of the Worker are replaced.

    Returns:
        What was written, relative to the folder, sorted.

    Raises:
        RequestError: ``folder_in_use``, or ``bad_folder`` when it cannot be written.
        ConfigError: If the sources are missing or damaged.
    """
    came_from = sources()
    settings = filled_in((came_from / SETTINGS).read_text("utf-8"), worker)
    found = {path: came_from / path for path in _files(came_from)}
    _check_folder(folder, came_from, force)
    try:
        for path, source in found.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(source.read_bytes())
        (folder / SETTINGS).write_text(settings, "utf-8")
    except OSError as e:
        raise RequestError(f"{folder}: {e.strerror}.", code="bad_folder") from e
    return sorted({*found, Path(SETTINGS)})


def filled_in(text: str, worker: Worker) -> str:
    """Return `wrangler.jsonc` with a Worker's own values, its comments kept.

    Args:
        text: The file as it is shipped. The places to fill in are ``"name"``,
            ``"WAITROOM_SERVICE_URL"`` and ``"routes"``, which may be commented out.
        worker: The values.

    Raises:
        ConfigError: If a place is missing.
    """
    routes = ", ".join(_text(route) for route in worker.routes)
    text = _fill(text, r'^\s*("name":\s*"[^"\n]*")', f'"name": {_text(worker.name)}')
    text = _fill(
        text,
        r'("WAITROOM_SERVICE_URL":\s*"[^"\n]*")',
        f'"WAITROOM_SERVICE_URL": {_text(worker.service_url)}',
    )
    return _fill(text, r'^\s*((?://\s*)?"routes":\s*\[[^\]]*\])', f'"routes": [{routes}]')


def _fill(text: str, place: str, value: str) -> str:
    found = list(re.finditer(place, text, re.M))
    if len(found) != 1:
        raise ConfigError(f"{SETTINGS} as shipped has no place for {value.partition(':')[0]}")
    return text[: found[0].start(1)] + value + text[found[0].end(1) :]


def _files(folder: Path) -> Iterator[Path]:
    seen = set()
    # Parts of the Worker may be links to files that the gate in Python reads too.
    for at, folders, names in os.walk(folder, followlinks=True):
        here = Path(at)
        folders[:] = [] if here.resolve() in seen else [name for name in folders if _needed(name)]
        seen.add(here.resolve())
        for name in names:
            if _needed(name) and name != SETTINGS:
                yield (here / name).relative_to(folder)


def _needed(name: str) -> bool:
    return name in _KEPT or not _LEFT_OUT.fullmatch(name)


def _check_folder(folder: Path, came_from: Path, force: bool) -> None:
    if folder.resolve().is_relative_to(came_from.resolve()):
        raise RequestError(
            f"{folder} holds the Worker's own sources; name another folder.", code="folder_in_use"
        )
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is not a folder.", code="bad_folder")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise RequestError(
            f"{folder} has files; --force replaces those of the Worker and leaves the others.",
            code="folder_in_use",
        )


def _service_url(text: str) -> str:
    def refused(why: str) -> RequestError:
        return RequestError(f"--service-url: {why}.", code="bad_service_url")

    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise refused("not an address") from None
    if "@" in url.netloc:
        # It may be a password, so it is not shown.
        raise refused("credentials are not taken")
    if url.scheme not in ("http", "https") or not host or not re.fullmatch(r"[!-~]+", text):
        raise refused(f"{text!r} is not an address such as https://waiting.example.com")
    if url.path.strip("/") or url.query or url.fragment or "?" in text or "#" in text:
        raise refused(f"{text!r} has a path or a query; only scheme and host are taken")
    if url.scheme == "http" and not is_loopback(host):
        raise refused(f"{text!r} must be https: passes and the edge token travel there")
    name = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{name}" + (f":{port}" if port else "")


def _route(text: str) -> str:
    found = _ROUTE.fullmatch(text.strip())
    if found is None:
        raise RequestError(
            f"--route {text!r}: write host and path, such as shop.example.com/*; a * may begin "
            "the host or end the path, and there is no scheme, port or query.",
            code="bad_route",
        )
    # Hosts know no case; a path is compared letter by letter.
    return found["host"].lower() + found["path"]


def _covers(route: str, host: str) -> bool:
    """Say whether a host is one of a route's; its paths do not matter.

    What the splash page asks is routed on each of these hosts, and the service has it too.
    """
    pattern, host = route.partition("/")[0], host.rstrip(".")
    return host.endswith(pattern[1:]) if pattern.startswith("*") else host == pattern


def _with_splash(routes: Iterable[str]) -> Iterator[str]:
    """Yield the routes, and what visitors of the splash page ask on the same hosts."""
    given = list(dict.fromkeys(routes))
    yield from given
    hosts = dict.fromkeys(route.partition("/")[0] for route in given)
    for host in hosts:
        own = f"{host}{PREFIX}*"
        if f"{host}/*" not in given and own not in given:
            yield own


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
