"""`waitroom up`: everything on one machine, with nothing to set up before.

Starts the embedded Valkey unless a Redis is named, makes the demo's room when there is none, and
keeps web, worker, clock and demo alive until Ctrl-C. Valkey is stopped last. Only one runs on a
data folder; a Valkey that a killed one left behind is taken over.
"""

import asyncio
import errno
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from waitroom.accounts.welcome import welcome
from waitroom.cli.common import room_defaults
from waitroom.cli.supervisor import Supervisor
from waitroom.config import Config
from waitroom.embedded import Valkey, embedded
from waitroom.errors import ConfigError, RoomExistsError
from waitroom.keyring import with_secrets
from waitroom.room import Directory, Store
from waitroom.running import only_one

DEMO_ROOM = "shop"
#: The demo shows a line as soon as a third visitor comes, unless settings say otherwise.
DEMO_SEATS = 2
DEMO_SESSION_S = 120
LOOK_EVERY_S = 1.0
#: What children have to end, beside the time in which sockets are to end, seconds.
CHILD_GRACE_S = 7.0
#: Longest wait for the shop before the web process is started all the same, seconds.
DEMO_PATIENCE_S = 5.0


async def run_up(config: Config) -> None:
    """Run everything until SIGINT or SIGTERM, then stop everything.

    Args:
        config: The installation.

    Raises:
        ConfigError: If something is in the way; nothing is left running.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Asked for by name: a shell that starts us in the background has SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    config = _with_ports(config)
    with only_one(config):
        config = with_secrets(config, create=True)
        if config.redis_url is not None:
            await _run(config, None, stop)
            return
        valkey = embedded(config)
        try:
            await asyncio.to_thread(valkey.start)
            await _run(config.model_copy(update={"redis_url": valkey.url}), valkey, stop)
        finally:
            await asyncio.to_thread(valkey.stop)


async def _run(config: Config, valkey: Valkey | None, stop: asyncio.Event) -> None:
    await make_demo_room(config)
    grace_s = config.drain_s + CHILD_GRACE_S
    supervisor = Supervisor(os.environ | child_environment(config), grace_s=grace_s)
    helpers = [asyncio.create_task(_announce(config))]
    if valkey is not None:
        helpers.append(asyncio.create_task(_keep_alive(valkey, supervisor)))
    try:
        for name in ("demo", "worker", "clock"):
            supervisor.start(name, _command(name))
        # Last, so that a web process that is ready means that the shop is there too.
        with suppress(TimeoutError):
            await asyncio.wait_for(_listening(_near(config), config.demo_port), DEMO_PATIENCE_S)
        for name in web_names(config.web_processes):
            supervisor.start(name, _command("web"))
        await stop.wait()
        supervisor.say("stopping")
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        await supervisor.stop()


def web_names(count: int) -> list[str]:
    """Return what so many web processes are called in what `waitroom up` prints."""
    return ["web"] if count == 1 else [f"web.{number}" for number in range(1, count + 1)]


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "waitroom", name, "--parent", str(os.getpid())]


async def make_demo_room(config: Config) -> None:
    """Make the demo's room if there is no room at all.

    Args:
        config: Names Redis; settings given by the owner win over the demo's.

    Raises:
        StoreError: If Redis failed.
    """
    chosen = config.model_fields_set
    changes: dict[str, object] = {
        "title": "Demo shop",
        "routes": [{"host": "*", "path": "/"}],
    }
    if "total_active_users" not in chosen:
        changes["total_active_users"] = DEMO_SEATS
    if "session_duration_s" not in chosen:
        changes["session_duration_s"] = DEMO_SESSION_S
    assert config.redis_url is not None
    store = Store.connect(config.redis_url)
    try:
        directory = Directory(store, room_defaults(config))
        if not await directory.names():
            await directory.create(DEMO_ROOM, changes, who="waitroom up")
    except RoomExistsError:
        # Another host's `up` on the same Redis was quicker.
        pass
    finally:
        await store.close()


def child_environment(config: Config) -> dict[str, str]:
    """Return what the children have to know, as environment variables.

    Args:
        config: With Redis, ports and secrets filled in.
    """
    assert config.redis_url is not None and config.edge_token is not None
    environment = {
        "WAITROOM_REDIS_URL": config.redis_url,
        "WAITROOM_PORT": str(config.port),
        "WAITROOM_DEMO_PORT": str(config.demo_port),
        "WAITROOM_SECRET_KEYS": ",".join(config.signing_keys()),
        "WAITROOM_EDGE_TOKEN": config.edge_token.get_secret_value(),
        "WAITROOM_SERVICE_URL": config.service_url or f"http://{_near(config)}:{config.port}",
        "PYTHONUNBUFFERED": "1",
    }
    if "log_format" not in config.model_fields_set:
        environment["WAITROOM_LOG_FORMAT"] = "console"
    return environment


async def _keep_alive(valkey: Valkey, supervisor: Supervisor) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if await asyncio.to_thread(valkey.alive):
            continue
        supervisor.say("Valkey is gone; it starts anew with all it had written")
        try:
            await asyncio.to_thread(valkey.start)
        except ConfigError as e:
            supervisor.say(e.detail)


async def _announce(config: Config) -> None:
    for port in (config.port, config.demo_port):
        await _listening(_near(config), port)
    shop, service = (f"http://{_near(config)}:{port}" for port in (config.demo_port, config.port))
    print(
        f"\n  Waitroom is running. Ctrl-C stops it.\n\n"
        f"    The demo shop, behind its waiting room   {shop}\n"
        f"    The service of the waiting room          {service}\n\n"
        f"  Open the shop in a few private windows and watch the line. To look at it from here:\n\n"
        f"    {_typed()} status\n"
        f"    {_typed()} rooms set {DEMO_ROOM} total_active_users=5\n",
        flush=True,
    )
    if first := await welcome(config, screen=sys.stdout.isatty()):
        print(first, flush=True)


def _typed() -> str:
    # As `make run` calls it, in a shell that does not have it on its path; else by its name.
    typed = Path(sys.argv[0])
    return str(typed) if typed.name == "waitroom" and not typed.is_absolute() else "waitroom"


async def _listening(host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


def _near(config: Config) -> str:
    """Return the address under which this host reaches its own ports."""
    return "127.0.0.1" if config.host in ("0.0.0.0", "::", "") else config.host  # noqa: S104


def _with_ports(config: Config) -> Config:
    port = _port(config, "port", config.port)
    demo_port = _port(config, "demo_port", config.demo_port)
    if port == demo_port:
        raise ConfigError(f"WAITROOM_DEMO_PORT={demo_port}: must differ from WAITROOM_PORT")
    return config.model_copy(update={"port": port, "demo_port": demo_port})


def _port(config: Config, name: str, port: int) -> int:
    try:
        with socket.create_server((config.host, port)) as listener:
            found: int = listener.getsockname()[1]
            return found
    except OSError as e:
        # create_server adds the address once more; a failed look-up has its own numbers.
        why = os.strerror(e.errno) if e.errno and e.errno > 0 else e.strerror
        where = f"cannot listen on {config.host}:{port} ({why})"
        if e.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise ConfigError(f"WAITROOM_HOST={config.host}: {where}") from e
        option = name.replace("_", "-")
        raise ConfigError(
            f"WAITROOM_{name.upper()}={port}: {where}; choose another, as in: "
            f"waitroom up --{option} {port % 60_000 + 1}"
        ) from e
