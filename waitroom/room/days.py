"""Days in UTC, each added up from its samples: those that are over once, today's when asked.

A sample belongs to the day of the minute before it, which it counts.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from waitroom.room.counted import Day, Minute
from waitroom.room.figures import COUNTERS
from waitroom.room.keys import Keys
from waitroom.room.minutes import KEEP_MS, minutes
from waitroom.room.spans import Spans
from waitroom.room.store import Store, store_errors

DAY_MS = 86_400_000
#: Days kept.
DAYS = 400
#: How many days before the oldest are dropped when one is added, in case some were missed.
DROPPED = 64


async def days(store: Store, keys: Keys, since_ms: int, until_ms: int) -> list[Day]:
    """Return the days, in UTC, of some time, in order; the last one as far as it has come.

    Args:
        store: Where the room lives.
        keys: The room's keys.
        since_ms: A moment in the first day.
        until_ms: A moment in the last day.

    Returns:
        At most 400; days without a sample are left out.

    Raises:
        StoreError: If Redis failed.
    """
    last = until_ms // DAY_MS
    numbers = range(max(0, since_ms // DAY_MS, last - DAYS + 1), last + 1)
    if not numbers:
        return []
    with store_errors():
        kept = await store.redis.hmget(keys.days, list(map(str, numbers)))
        summed = int(await store.redis.hget(keys.meta, "summed_day") or -1)
    found = {
        number: _from_json(number, text)
        for number, text in zip(numbers, kept, strict=True)
        if text is not None
    }
    for number in numbers:
        if number > summed and number not in found:
            samples = await _samples(store, keys, number)
            if samples:
                found[number] = _day(number, samples, over=False)
    return [found[number] for number in sorted(found)]


async def sum_up(store: Store, keys: Keys, now_ms: int) -> int:
    """Keep the days that are over as sums of their samples; each is kept once.

    Args:
        store: Where the room lives.
        keys: The room's keys.
        now_ms: Milliseconds since the epoch.

    Returns:
        How many days were added.

    Raises:
        StoreError: If Redis failed. Asking again is safe.
    """
    with store_errors():
        summed = int(await store.redis.hget(keys.meta, "summed_day") or -1)
        newest = await store.redis.xrevrange(keys.history, count=1)
    if not newest:
        return 0
    # The day that the newest sample belongs to is not over yet.
    today = _day_of(int(newest[0][0].partition(b"-")[0]))
    first = max(summed + 1, today - KEEP_MS // DAY_MS)
    added = 0
    for number in range(first, today):
        samples = await _samples(store, keys, number)
        if samples:
            added += 1
            with store_errors():
                await store.redis.hset(
                    keys.days, str(number), _to_json(_day(number, samples, over=True))
                )
    if first < today:
        with store_errors():
            oldest = today - DAYS
            await store.redis.hdel(keys.days, *map(str, range(oldest - DROPPED, oldest + 1)))
            await store.redis.hset(keys.meta, "summed_day", today - 1)
    return added


def _day_of(at_ms: int) -> int:
    return (at_ms - 1) // DAY_MS


async def _samples(store: Store, keys: Keys, number: int) -> list[Minute]:
    return await minutes(store, keys, number * DAY_MS + 1, (number + 1) * DAY_MS)


def _day(number: int, samples: Sequence[Minute], *, over: bool) -> Day:
    counts: Counter[str] = Counter()
    for sample in samples:
        counts.update(sample.counts)
    busy = [sample for sample in samples if sample.waiting]
    seats = sum(sample.seats for sample in busy)
    return Day(
        counts=dict(counts),
        wait=Spans.together(sample.wait for sample in samples),
        site=Spans.together(sample.site for sample in samples),
        total=Spans.together(sample.total for sample in samples),
        told=sum(sample.told for sample in samples),
        told_right=sum(sample.told_right for sample in samples),
        told_early=sum(sample.told_early for sample in samples),
        date=_date(number),
        start_ms=number * DAY_MS,
        samples=len(samples),
        busy_samples=len(busy),
        utilisation=sum(sample.active for sample in busy) / seats if seats else None,
        most_waiting=max(sample.waiting for sample in samples),
        most_active=max(sample.active for sample in samples),
        over=over,
    )


def _date(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, UTC).date().isoformat()


#: Fields of a day that are kept as they are.
_PLAIN = (
    *("told", "told_right", "told_early", "samples", "busy_samples"),
    *("utilisation", "most_waiting", "most_active"),
)
_SPANS = ("wait", "site", "total")


def _to_json(day: Day) -> bytes:
    spans = {name: getattr(day, name).text() for name in _SPANS}
    plain = {name: getattr(day, name) for name in _PLAIN}
    return orjson.dumps({"counts": day.counts, **spans, **plain})


def _from_json(number: int, text: bytes) -> Day:
    fields: dict[str, Any] = orjson.loads(text)
    spans: dict[str, Any] = {name: Spans.parse(fields[name].encode()) for name in _SPANS}
    return Day(
        counts=dict.fromkeys(COUNTERS, 0) | fields["counts"],
        **spans,
        **{name: fields[name] for name in _PLAIN},
        date=_date(number),
        start_ms=number * DAY_MS,
        over=True,
    )
