"""What one web process works with, made once and handed to every part."""

from dataclasses import dataclass

from quart import current_app

from waitroom.config import Config
from waitroom.live.drain import Drain
from waitroom.live.holders import Holders
from waitroom.live.hub import Hub
from waitroom.live.sockets import Sockets
from waitroom.live.ticker import Ticker
from waitroom.room import Directory, RoomSettings, Store
from waitroom.tokens import Tokens
from waitroom.web.metrics import Metrics
from waitroom.web.splash import Splash

#: Where the services hang in the Quart application.
EXTENSION = "waitroom"


@dataclass(frozen=True)
class Services:
    """The parts of one web process.

    Attributes:
        config: This installation's settings.
        store: Where rooms live.
        directory: All rooms.
        tokens: Signs and reads tickets and passes.
        splash: The splash page, ready to send.
        metrics: What Prometheus reads.
        sockets: Socket.IO connections.
        hub: The local visitors, and what they are told.
        ticker: Moves the rooms.
        drain: Ends the sockets when the process is told to stop.
    """

    config: Config
    store: Store
    directory: Directory
    tokens: Tokens
    splash: Splash
    metrics: Metrics
    sockets: Sockets
    hub: Hub
    ticker: Ticker
    drain: Drain


def make_services(config: Config, redis_url: str) -> Services:
    """Wire the parts together; nothing is connected yet.

    Args:
        config: This installation's settings, with its secrets.
        redis_url: Where rooms live.
    """
    store = Store.connect(redis_url)
    defaults = RoomSettings(
        total_active_users=config.total_active_users,
        session_duration_s=config.session_duration_s,
    )
    directory = Directory(store, defaults)
    tokens = Tokens(config.signing_keys())
    metrics = Metrics()
    sockets = Sockets(tokens, metrics)
    hub = Hub(directory)
    ticker = Ticker(store, directory, hub, metrics)
    sockets.attach(hub, Holders(store))
    splash = Splash.load()
    drain = Drain(sockets)
    return Services(config, store, directory, tokens, splash, metrics, sockets, hub, ticker, drain)


def services() -> Services:
    """Return the services of the application that handles this request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
