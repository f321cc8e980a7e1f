"""From what was measured to the figures of the table. Pure but for the run that it reads.

A figure that could not be measured is None: without the truth from Redis, or when what it is
about did not happen.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from loadtest.measures import Journey, quantile, quantile_of_counts
from loadtest.order import Stay, tau
from loadtest.room import Cost, Look
from loadtest.staleness import BANDS, quantile_s

if TYPE_CHECKING:
    # Importing it brings Locust, which patches the standard library.
    from loadtest.run import Run

#: A visitor counts as being in the line so long after the own page knew it, seconds: what the
#: channel says arrives a little later than it happened.
SETTLED_S = 3.0
#: Who has the page for so long and no position never got one, seconds: twice the longest moment
#: that a page takes before it connects.
LATE_S = 60.0

#: Name -> value. Names are those of ``thresholds.py``.
Figures = dict[str, float | None]


def figures(run: "Run") -> Figures:
    """Return every figure of a run that has ended."""
    journeys = run.measures.journeys
    admitted = sum(1 for each in journeys if each.passed)
    found: Figures = {
        "visits": run.measures.counts["visits"],
        "admitted": admitted,
        "admitted_share": admitted / len(journeys) if journeys else None,
        "disconnects": run.measures.counts["disconnects"],
        "lost": sum(1 for each in journeys if each.lost),
        "defects": run.measures.counts["defects"],
        "workers_silent": run.measures.counts["workers_silent"],
    }
    found |= _ways(run, journeys)
    found |= _positions(run)
    found |= _room(run, journeys)
    found |= _costs(run)
    return found


def _ways(run: "Run", journeys: Sequence[Journey]) -> Figures:
    """How long visitors took from one moment to the next."""
    waited = [each for each in journeys if each.registered]
    first = [each for each in journeys if each.page]
    in_line = [each for each in first if each.position]
    ticket = [each.ticket - each.arrived for each in journeys if each.ticket]
    position = [each.position - each.page for each in in_line]
    meant = [each.position - max(each.page, each.planned) for each in in_line]
    passed = [each.passed - each.told for each in journeys if each.passed and each.told]
    back = run.measures.latencies.get("back", Counter())
    settled = [each for each in first if run.ended_s - each.page > LATE_S or each.position]
    without = sum(1 for each in settled if not (each.position or each.told))
    return {
        "page_to_ticket_s": quantile(ticket, 0.99) if not run.plan.stamped else None,
        "page_to_position_s": quantile(position, 0.99),
        "meant_to_position_s": quantile(meant, 0.99),
        "register_most_s": max((each.registered - each.arrived for each in waited), default=None),
        "unregistered": without,
        "told_to_pass_s": quantile(passed, 0.99),
        "back_most_s": _ms(quantile_of_counts(back, 1.0)),
    }


def _ms(value: int | None) -> float | None:
    return None if value is None else value / 1000


def _positions(run: "Run") -> Figures:
    """How stale and how wrong the positions were."""
    if run.truth is None:
        return dict.fromkeys(("stale_first_s", "stale_s", "false_positions", "error_share"))
    tables = run.measures.tables
    stale, errors = tables.get("stale", Counter()), tables.get("errors", Counter())
    shares: dict[int, int] = {}
    for key, count in errors.items():
        share = int(key.partition(":")[2])
        shares[share] = shares.get(share, 0) + count
    worst = quantile_of_counts(shares, 0.99)
    return {
        "stale_first_s": quantile_s(stale, 0.99, range(0, 2)),
        "stale_s": quantile_s(stale, 0.99, range(0, len(BANDS) + 1)),
        "false_positions": run.measures.counts["false_positions"],
        "error_share": None if worst is None else worst / 1000,
    }


def _room(run: "Run", journeys: Sequence[Journey]) -> Figures:
    """What became of seats and order."""
    truth = run.truth
    if truth is None or not truth.looks:
        names = ("over", "utilisation", "tau", "out_of_order", "free_to_told_s")
        return dict.fromkeys(names)
    order, out_of_order = tau(stays(journeys, truth.admitted, run.ended_s))
    return {
        "over": max(0, *(look.active - look.seats for look in truth.looks)),
        "utilisation": utilisation(truth.looks),
        "tau": order,
        "out_of_order": out_of_order,
        "free_to_told_s": quantile(
            [
                told - freed
                for freed, told in freed_and_told(journeys, truth.admitted, truth.looks)
                if freed >= run.settled_s
            ],
            0.99,
        ),
    }


def utilisation(looks: Sequence[Look]) -> float | None:
    """Return the share of seats taken while somebody waited and nobody was held.

    Args:
        looks: At even distances. Those before the seats were taken for the first time do not
            count.

    Returns:
        None when nobody ever waited.
    """
    full = next((at for at, look in enumerate(looks) if look.active >= look.seats), len(looks))
    counts = [look for look in looks[full:] if look.waiting and look.seats and not look.held]
    if not counts:
        return None
    return sum(min(1.0, look.active / look.seats) for look in counts) / len(counts)


def stays(
    journeys: Sequence[Journey], admitted: Sequence[tuple[float, str]], ended_s: float
) -> list[Stay]:
    """Return who was in the line when, for ``tau``.

    Args:
        journeys: All visits.
        admitted: Moment and visitor, in the engine's order.
        ended_s: When the run did.
    """
    numbers: dict[str, tuple[int, float]] = {}
    for at, (at_s, visitor) in enumerate(admitted):
        numbers.setdefault(visitor, (at, at_s))
    found = []
    for journey in journeys:
        since = journey.registered or journey.position
        if not since or not journey.place:
            continue
        number: int | None
        number, until = numbers.get(journey.visitor) or (None, journey.told or ended_s)
        present = _present(since + SETTLED_S, until, _away(journey, ended_s))
        found.append(Stay(journey.place, present, number, until))
    return found


def _away(journey: Journey, ended_s: float) -> list[tuple[float, float]]:
    """Return from when to when the server may have taken a visitor for absent, in order."""
    found = []
    for moments in (journey.absent, journey.silent):
        # The last one of them may still be away.
        ends = [end + SETTLED_S if end else ended_s for end in moments[1::2]] + [ended_s]
        found += list(zip(moments[::2], ends, strict=False))
    return sorted(found)


def _present(
    since: float, until: float, away: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Return what is left of a stretch of time without other stretches, which may overlap."""
    found = []
    for begin, end in away:
        if begin > since:
            found.append((since, min(begin, until)))
        since = max(since, end)
    if since < until:
        found.append((since, until))
    return [(begin, end) for begin, end in found if begin < end]


def freed_and_told(
    journeys: Sequence[Journey], admitted: Sequence[tuple[float, str]], looks: Sequence[Look]
) -> list[tuple[float, float]]:
    """Return when each seat became free, and when the visitor who got it knew.

    Each seat freed while people waited is matched with the first admission after it that no
    earlier one has taken. Visitors who were away when it was their turn are left out,
    and so are those without a socket: they hear when they ask.

    Args:
        journeys: All visits.
        admitted: Moment and visitor, in order.
        looks: Say when people waited.
    """
    told = {
        each.visitor: each for each in journeys if each.told and each.registered and not each.absent
    }
    moments = [look.at_s for look in looks]
    frees = sorted(each.freed for each in journeys if each.freed)
    found = []
    at = 0
    for freed in frees:
        look = looks[min(bisect_left(moments, freed), len(looks) - 1)]
        if not look.waiting or look.held:
            continue
        while at < len(admitted) and admitted[at][0] < freed:
            at += 1
        if at == len(admitted):
            break
        journey = told.get(admitted[at][1])
        at += 1
        if journey is not None:
            found.append((freed, max(freed, journey.told)))
    return found


def _costs(run: "Run") -> Figures:
    """What it cost."""
    since, until = run.began_s, run.ended_s
    steady = [at for at, look in enumerate(run.series.at_s) if look >= run.arrived_s]
    waiting = [run.series.waiting[at] for at in steady]
    live = [run.series.live[at] for at in steady]
    cpu = [run.series.cpu[at] for at in steady]
    mean = sum(waiting) / len(waiting) if waiting else 0.0
    most = max(live, default=0)
    web = run.servers.cores("web", max(since, run.arrived_s), until)
    memory = run.servers.grown_bytes("web")
    web_most = run.servers.most_bytes("web")
    return {
        "waiting": mean,
        "live_most": most,
        "generator_cores": sum(cpu) / len(cpu) if cpu else None,
        "generator_bytes": run.measures.total("rss"),
        "web_cores": web,
        "web_cpu_per_1000": web / mean * 1000 if web is not None and mean >= 500 else None,
        "web_bytes": memory / most if memory and most >= 100 else None,
        "web_bytes_most": web_most,
        "valkey_cores": run.servers.cores("valkey", max(since, run.arrived_s), until),
        **redis_costs(run.truth.costs if run.truth else []),
    }


def redis_costs(costs: Sequence[Cost]) -> Figures:
    """Return bytes a visitor at the longest line, and operations a second."""
    if len(costs) < 2:
        return {"redis_bytes": None, "redis_ops": None}
    longest = max(costs, key=lambda each: each.waiting)
    first, last = costs[0], costs[-1]
    return {
        "redis_bytes": longest.line_bytes / longest.waiting if longest.waiting >= 50 else None,
        "redis_ops": (last.commands - first.commands) / (last.at_s - first.at_s),
    }
