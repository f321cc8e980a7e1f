"""What the Worker costs an admitted visitor, in ratios of one run: `make bench-edge`.

Two workerds of the same configuration stand in front of one origin: one runs the Worker, the other
one a Worker that only forwards. They are asked in turns, with the same headers, a valid pass among
them; the median of all rounds counts. Two hundred visitors come again and again, as visitors do;
what the first request of each costs is measured apart. Everything is on the loopback and bounded
in time.

Options:
    --rounds N    Rounds of requests at once, each for both Workers; default 11, with --small 3.
    --seconds N   Length of one round for one Worker; default 2, with --small 1.
    --small       A quick look: ratio and latency are printed but miss nothing.

Exit code 1 when a target was missed: calls to the service and size always, ratio and latency unless
--small.
"""

import argparse
import gzip
import sys
from statistics import median

from loadtest.bench.generator import added_latency_ms, throughput
from loadtest.bench.rows import Row, exit_code, print_table
from loadtest.bench.stand import CONNECTIONS, PAGE, Bench, running, visitor
from loadtest.bench.workerd import bundle_files
from waitroom import clock

#: Floors and ceilings.
RATIO_MIN, ADDED_MS_MAX, BUNDLE_MAX = 0.70, 0.3, 20_000
#: Admitted requests for which the calls to the service are counted.
COUNTED = 10_000


def measure_speed(bench: Bench, rounds: int, seconds: int, pairs: int) -> list[Row]:
    """Return the lines about requests a second and latency."""
    bench.rates(1, 1)
    gate, forward, cpu = bench.rates(rounds, seconds)
    # Each round against its neighbour: what else the machine does changes slowly.
    ratios = [ours / theirs for ours, theirs in zip(gate, forward, strict=True)]
    ratio = median(ratios)
    ports = (bench.forward.port, PAGE), (bench.gate.port, PAGE)
    base_ms, gate_ms = added_latency_ms(*ports, bench.visitors, pairs=pairs)
    newcomers = [visitor() for _ in range(pairs // 2)]
    new_base_ms, new_gate_ms = added_latency_ms(*ports, newcomers, pairs=pairs // 2)
    added_ms, new_added_ms = gate_ms - base_ms, new_gate_ms - new_base_ms
    about = f"rounds {min(ratios):.0%} to {max(ratios):.0%}; forwarder {median(forward):,.0f}/s"
    return [
        Row(
            "requests with a pass, of a forwarder's",
            f">= {RATIO_MIN:.0%}",
            f"{ratio:.1%} ({about})",
            ratio >= RATIO_MIN,
        ),
        Row("forwarder's CPU for one request, of ours", "", f"{median(cpu):.1%}", True),
        Row(
            "added latency, median",
            f"<= {ADDED_MS_MAX} ms",
            f"{added_ms:.3f} ms ({gate_ms:.3f} after {base_ms:.3f})",
            added_ms <= ADDED_MS_MAX,
        ),
        Row(
            "the same, a visitor's first request",
            f"<= {ADDED_MS_MAX} ms",
            f"{new_added_ms:.3f} ms ({new_gate_ms:.3f} after {new_base_ms:.3f})",
            new_added_ms <= ADDED_MS_MAX,
        ),
    ]


def measure_calls(bench: Bench) -> list[Row]:
    """Return the lines about calls to the service."""
    before, passed = bench.calls.copy(), bench.passed()
    began_ms = clock.now_ms()
    throughput(bench.gate.url + PAGE, bench.visitors, connections=CONNECTIONS, amount=COUNTED)
    took_s = (clock.now_ms() - began_ms) / 1000
    calls = bench.calls - before
    pulls = calls.pop("GET /api/edge/rooms", 0)
    others, reached = sum(calls.values()), bench.passed() - passed
    # One pull every two seconds, and one that may begin at once.
    expected = int(took_s / 2) + 2
    return [
        Row(
            f"calls for {reached:,} admitted requests",
            "0",
            str(others) + (f" ({dict(calls)})" if calls else ""),
            others == 0 and reached >= COUNTED,
            always=True,
        ),
        Row(f"background pulls in {took_s:.1f} s", f"<= {expected}", str(pulls), pulls <= expected),
    ]


def measure_size() -> Row:
    """Return the line about the bundle."""
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in bundle_files())
    return Row("bundle, gzipped", f"<= {BUNDLE_MAX:,} B", f"{size:,} B", size <= BUNDLE_MAX, True)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="loadtest.bench.edge", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args(arguments)
    rounds = given.rounds or (3 if given.small else 11)
    seconds = given.seconds or (1 if given.small else 2)
    with running() as bench:
        rows = measure_speed(bench, rounds, seconds, pairs=500 if given.small else 4_000)
        rows += measure_calls(bench)
    rows.append(measure_size())
    print_table(rows)
    return exit_code(rows, small=given.small)


if __name__ == "__main__":
    sys.exit(main())
