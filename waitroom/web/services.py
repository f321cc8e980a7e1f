"""What one web process works with, made once and handed to every part."""

from dataclasses import dataclass

from quart import current_app

from waitroom.accounts.accounts import Accounts
from waitroom.config import Config
from waitroom.console.parts import Console
from waitroom.control import Control
from waitroom.live.drain import Drain
from waitroom.live.holders import Holders
from waitroom.live.hub import Hub
from waitroom.live.sockets import Sockets
from waitroom.live.ticker import Ticker
from waitroom.room import Directory, RoomSettings, Store
from waitroom.room.contacts import Heard
from waitroom.tokens import Tokens
from waitroom.web.metrics import Metrics
from waitroom.web.splash import Splash
from waitroom.web.themes import Themes

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
        themes: How rooms look that have a theme.
        metrics: What Prometheus reads.
        sockets: Socket.IO connections.
        hub: The local visitors, and what they are told.
        ticker: Moves the rooms.
        drain: Ends the sockets when the process is told to stop.
        accounts: Who may look after the rooms.
        control: What an owner can do.
        edges: Notes which edges are heard of.
        console: What the console keeps.
    """

    config: Config
    store: Store
    directory: Directory
    tokens: Tokens
    splash: Splash
    themes: Themes
    metrics: Metrics
    sockets: Sockets
    hub: Hub
    ticker: Ticker
    drain: Drain
    accounts: Accounts
    control: Control
    edges: Heard
    console: Console


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
    accounts = Accounts(store, config)
    control = Control(store, directory, config)
    return Services(
        *(config, store, directory, tokens, splash, Themes(store, directory, splash.frame)),
        *(metrics, sockets, hub, ticker, drain),
        *(accounts, control, Heard(store), Console.make(accounts, control, directory)),
    )


def services() -> Services:
    """Return the services of the application that handles this request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
