"""What an installation without an owner says when it starts: a link, and nothing once there is one.

There is no default password. The link goes to a person's screen only: where the output is a log, it
says how to make one instead.
"""

import structlog

from waitroom.accounts.accounts import Accounts
from waitroom.config import Config
from waitroom.errors import StoreError
from waitroom.room.store import Store

log = structlog.get_logger()


def console_base(config: Config) -> str:
    """Return scheme and host under which people of this installation reach the console.

    Args:
        config: The installation.
    """
    if config.service_url:
        return config.service_url
    everywhere = config.host in ("0.0.0.0", "::", "")  # noqa: S104
    host = "127.0.0.1" if everywhere else config.host
    return f"http://{f'[{host}]' if ':' in host else host}:{config.port}"


async def welcome(config: Config, *, screen: bool) -> str:
    """Return what to print for whoever is to be the first owner.

    Args:
        config: The installation, with its Redis.
        screen: Whether a person reads it; else the log says what to do, without a link.

    Returns:
        Some lines; empty when there is an owner, when it is for the log, or when Redis does not
        answer: nothing else has to wait for this.
    """
    assert config.redis_url is not None
    store = Store.connect(config.redis_url)
    try:
        accounts = Accounts(store, config)
        if not screen:
            if not await accounts.has_owner():
                log.warning("no_owner_yet", how="waitroom owners invite NAME")
            return ""
        link = await accounts.first_link()
    except StoreError as e:
        log.warning("owner_unknown", error=e.detail)
        return ""
    finally:
        await store.close()
    if link is None:
        return ""
    return (
        "  Nobody owns this waiting room yet. Choose a name and a password within an hour at\n\n"
        f"    {link.address(console_base(config))}\n\n"
        "  The link works once. `waitroom owners invite NAME` makes another one.\n"
    )
