"""The way from the name of a server to what serves under it."""

from importlib import import_module

from waitroom.errors import ConfigError
from waitroom.web.servers.limits import Run

#: Name of the setting -> module that knows the server.
SERVERS = {
    name: f"waitroom.web.servers.under_{name}" for name in ("hypercorn", "uvicorn", "granian")
}


def choose(name: str) -> Run:
    """Return what serves under a server.

    Args:
        name: One of ``SERVERS``.

    Raises:
        ConfigError: If its package is not installed.
    """
    try:
        found: Run = import_module(SERVERS[name]).run
    except ModuleNotFoundError as e:
        if e.name is None or e.name.partition(".")[0] != name:
            raise
        raise ConfigError(
            f"WAITROOM_SERVER={name}: it is not installed; "
            "install it with: pip install 'waitroom[servers]'"
        ) from e
    return found
