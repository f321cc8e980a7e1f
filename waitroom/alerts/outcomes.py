"""How the deliveries of each channel went lately, for the owner's eyes."""

from contextlib import suppress

from pydantic import BaseModel, ConfigDict

from waitroom.alerts import keys
from waitroom.alerts.book import Book
from waitroom.errors import StoreError
from waitroom.room.store import store_errors


class Outcome(BaseModel):
    """The last deliveries of one channel.

    Attributes:
        delivered_ms: When one was last taken, ms since epoch; None if never.
        failed_ms: When one last failed, ms since epoch; None if never.
        error: Why; empty if none failed since the last one that was taken.
    """

    model_config = ConfigDict(frozen=True)

    delivered_ms: int | None = None
    failed_ms: int | None = None
    error: str = ""


async def outcomes(book: Book) -> dict[str, Outcome]:
    """Return how the deliveries of each channel went; channels never used are left out.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        found = await book.store.redis.hgetall(keys.OUTCOMES)
    return {name.decode(): Outcome.model_validate_json(text) for name, text in found.items()}


async def note_success(book: Book, channel: str, now_ms: int) -> None:
    """Note that a channel took an alert.

    Args:
        book: Where to.
        channel: Its name.
        now_ms: Milliseconds since the epoch.
    """
    await _note(book, channel, {"delivered_ms": now_ms, "error": ""})


async def note_failure(book: Book, channel: str, now_ms: int, error: str) -> None:
    """Note that a channel did not take an alert.

    Args:
        book: Where to.
        channel: Its name.
        now_ms: Milliseconds since the epoch.
        error: Why; safe to show.
    """
    await _note(book, channel, {"failed_ms": now_ms, "error": error})


async def _note(book: Book, channel: str, update: dict[str, object]) -> None:
    # For the eye only, and a Redis that is full refuses it: the alert is what counts.
    with suppress(StoreError):
        old = (await outcomes(book)).get(channel, Outcome())
        text = old.model_copy(update=update).model_dump_json()
        with store_errors():
            await book.store.redis.hset(keys.OUTCOMES, channel, text)
