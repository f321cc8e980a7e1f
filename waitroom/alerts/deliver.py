"""One attempt to deliver one alert to one channel, by whoever has the time.

That is a worker, or a web process while no worker is alive. The outbox in Redis is the truth: an
attempt that is lost with its process is made again, and only one is under way at a time. So an
alert arrives at least once, with the same id each time.
"""

import asyncio
from dataclasses import dataclass

import structlog

from waitroom.alerts import keys
from waitroom.alerts.alert import Delivery
from waitroom.alerts.book import Book
from waitroom.alerts.channels import Channel
from waitroom.alerts.errors import DeliveryError
from waitroom.alerts.outcomes import note_failure, note_success
from waitroom.alerts.readings import reading_id
from waitroom.alerts.senders import send
from waitroom.clock import new_visitor
from waitroom.config import Config

#: Pauses before the attempts after the first one, seconds; then it is given up.
DELAYS_S = (10, 30, 120, 600, 1_800, 3_600)
#: How long an attempt may be under way, milliseconds: longer than any sending takes.
HOLD_MS = 60_000
#: Deliveries that a web process makes at once.
AT_ONCE = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt went.

    Attributes:
        done: Whether the delivery is done with: delivered, given up, or not wanted any more.
        again_s: In how many seconds to try again; None when it is done with.
        failed: Whether the channel did not take it; else it is just not its time.
    """

    done: bool
    again_s: int | None = None
    failed: bool = False


DONE = Attempt(True)


async def deliver(book: Book, config: Config, id_: str, *, now_ms: int = 0) -> Attempt:
    """Try to deliver one alert to one channel.

    Args:
        book: Where it is.
        config: This installation's settings.
        id_: The delivery's.
        now_ms: Milliseconds since the epoch; 0 means Redis's clock.

    Returns:
        How it went.

    Raises:
        StoreError: If Redis failed. It may have been delivered; it will be tried again.
    """
    # A name of its own: nobody else's attempt is this one.
    if not await book.take(keys.sending(id_), HOLD_MS, new_visitor()):
        return Attempt(False, HOLD_MS // 1000)
    try:
        now_ms = now_ms or await book.now_ms()
        delivery = await book.delivery(id_)
        if delivery is None:
            return DONE
        if delivery.due_ms > now_ms:
            return Attempt(False, _seconds(delivery.due_ms - now_ms))
        return await _attempt(book, config, delivery, now_ms)
    finally:
        await book.give_back(keys.sending(id_))


async def deliver_due(book: Book, config: Config, *, now_ms: int = 0) -> int:
    """Try all deliveries that are due, some at once; none holds up another one.

    Args:
        book: Where they are.
        config: This installation's settings.
        now_ms: Milliseconds since the epoch; 0 means Redis's clock.

    Returns:
        How many are done with.
    """
    found = await book.due(now_ms or await book.now_ms(), AT_ONCE)
    tries = [deliver(book, config, id_, now_ms=now_ms) for id_, _ in found]
    return sum(attempt.done for attempt in await asyncio.gather(*tries))


async def _attempt(book: Book, config: Config, delivery: Delivery, now_ms: int) -> Attempt:
    channel = await book.configured.channel(delivery.channel)
    if channel is None or not channel.on or await _outdated(book, delivery):
        await book.settle(delivery.id, None)
        return DONE
    held_ms = channel.held_until_ms(now_ms, urgent=delivery.alert.urgent)
    if held_ms is not None:
        await book.settle(delivery.id, delivery.model_copy(update={"due_ms": held_ms}))
        return Attempt(False, _seconds(held_ms - now_ms))
    try:
        await send(config, channel, delivery.alert, left=delivery.left)
    except DeliveryError as e:
        return await _failed(book, channel, delivery, e, now_ms)
    await book.settle(delivery.id, None)
    await note_success(book, channel.name, now_ms)
    log.info("alert_delivered", alert=delivery.alert.id, channel=channel.name)
    return DONE


async def _outdated(book: Book, delivery: Delivery) -> bool:
    """Say whether what was to be told has ended meanwhile: its end tells all of it.

    A start that arrives after its end would leave somebody believing that it goes on.
    """
    alert = delivery.alert
    if alert.phase != "started" or alert.kind is None or delivery.forced:
        return False
    state = await book.state(reading_id(alert.kind, alert.room or alert.subject))
    return state is None or not state.told or state.since_ms != alert.since_ms


async def _failed(
    book: Book, channel: Channel, delivery: Delivery, error: DeliveryError, now_ms: int
) -> Attempt:
    attempts = delivery.attempts + 1
    gives_up = error.permanent or attempts > len(DELAYS_S)
    again_s = None if gives_up else DELAYS_S[attempts - 1]
    after = delivery.model_copy(
        update={
            "attempts": attempts,
            "error": error.detail,
            "due_ms": now_ms + 1000 * (again_s or 0),
            "dead_ms": now_ms if gives_up else None,
            "left": error.left or delivery.left,
        }
    )
    await book.settle(delivery.id, after)
    await note_failure(book, channel.name, now_ms, error.detail)
    log.warning(
        "alert_given_up" if gives_up else "alert_not_delivered",
        alert=delivery.alert.id,
        channel=channel.name,
        detail=error.detail,
        again_s=again_s,
    )
    return Attempt(gives_up, again_s, failed=True)


def _seconds(ms: int) -> int:
    return max(1, -(-ms // 1000))
