"""The parts that a report is made of: rows, runs, quantiles, the timeline, charts."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waitroom.reports.charts import nice
from waitroom.reports.rows import OUTCOMES, line, pack, row, spans, unpack
from waitroom.reports.runs import merged, visits, write_run
from waitroom.reports.spread import SHARES, Spread, slot
from waitroom.reports.summary import OUTCOME_NAMES
from waitroom.reports.timeline import STEPS_MAX, Timeline

T = 1_795_168_800_000


def test_no_cell_can_be_a_formula() -> None:
    # A hostile or broken journal: formulas where ids and outcomes stand, clocks set back.
    hostile = row(
        "=HYPERLINK(\"http://evil\")", T * 1000, "=cmd|' /C calc'!A0",
        admitted_ms=T - 5_000, claimed_ms=-T, left_ms=T - 9_000,
    )  # fmt: skip
    cells = line(1, hostile, spans(hostile)).strip().split(",")
    assert cells[-1] == "other"
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


def test_a_row_survives_packing() -> None:
    given_ = row("ada", 123_456, "ended", admitted_ms=200, claimed_ms=300, left_ms=400)
    assert unpack(pack(given_)) == given_


def test_a_visit_whose_place_was_lost_has_no_wait() -> None:
    lost = row("ada", None, "ended", claimed_ms=T, left_ms=T + 1_000)
    assert spans(lost) == (None, None, 1_000, None)
    assert lost.place == T * 1000
    assert line(1, lost, spans(lost)).startswith("1,,,2026-11-20T10:00:00.000Z,")


def packed(count: int) -> list[bytes]:
    return [
        pack(row(f"v{n}", (T + n // 2) * 1000, "ended", left_ms=T + 9_999)) for n in range(count)
    ]


def test_runs_come_out_merged_and_go_on_behind_any_row(tmp_path: Path) -> None:
    rows = packed(2_000)
    random.Random(1).shuffle(rows)
    paths = [tmp_path / f"run-{n}" for n in range(3)]
    for n, path in enumerate(paths):
        # The middle third is in two runs.
        write_run(path, rows[n * 600 : n * 600 + 800])
    whole = list(merged(paths))
    assert whole == sorted(rows)
    for at in (0, 1, 499, 500, 1_998, 1_999):
        assert list(merged(paths, whole[at])) == whole[at + 1 :]


def test_one_who_was_read_waiting_and_seated_and_gone_is_one_visit(tmp_path: Path) -> None:
    waiting = row("ada", T * 1000, "waiting")
    seated = row("ada", T * 1000, "on_site", admitted_ms=T + 5)
    gone = row("ada", T * 1000, "left_site", admitted_ms=T + 5, left_ms=T + 9)
    before = row("ada", T * 1000, "lapsed", left_ms=T + 1)
    for rows, expected in (
        ([waiting, seated], [seated]),
        ([waiting, seated, gone], [gone]),
        ([before, waiting], [before, waiting]),
        ([before, waiting, gone], [before, gone]),
    ):
        write_run(tmp_path / "run", list(map(pack, rows)))
        found = list(visits([tmp_path / "run"], T + 4))
        assert [each for _, each, _ in found] == expected
        assert [new for _, _, new in found] == [True] + [False] * (len(expected) - 1)
        # Broken off behind the first one.
        rest = list(visits([tmp_path / "run"], T + 4, pack(expected[0])))
        assert [each for _, each, _ in rest] == expected[1:]


@given(st.lists(st.integers(0, 40 * 86_400_000), min_size=1, max_size=300))
def test_quantiles_are_exact(values: list[int]) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    spread.narrow()
    # Broken off and taken up again between the passes.
    spread = Spread.of(spread.state())
    for value in values:
        spread.refine(value)
    for share in SHARES:
        rank = -(-round(share * 1000) * len(values) // 1000)
        assert spread.quantile_ms(share) == sorted(values)[rank - 1]


def test_there_are_no_quantiles_of_nothing() -> None:
    spread = Spread()
    spread.narrow()
    assert (spread.quantile_ms(0.5), spread.mean_ms, spread.fine) == (None, None, {})


def test_longer_spans_have_higher_slots_and_they_are_few() -> None:
    values = [*range(5_000), *(4_000 * 3**n // 2**n for n in range(1, 40))]
    slots = [slot(value) for value in sorted(values)]
    assert slots == sorted(slots)
    assert slot(31 * 86_400_000) < 1 << 17


@given(
    st.lists(st.tuples(st.integers(-90_000, 700_000), st.integers(0, 700_000)), max_size=30),
    st.integers(1, 600_000),
)
def test_time_spent_is_what_counting_each_stay_gives(
    stays: list[tuple[int, int]], span_ms: int
) -> None:
    since = T - T % 60_000
    timeline = Timeline.between(since, since + span_ms)
    for begin, long in stays:
        timeline.stay(timeline.line, since + begin, since + begin + long)
    for start, spent in zip(
        timeline.starts_ms(), timeline.line.totals_ms(timeline.step_ms), strict=True
    ):
        end = min(start + timeline.step_ms, timeline.until_ms)
        assert spent == sum(
            max(0, min(end, since + begin + long) - max(start, since + begin))
            for begin, long in stays
        )


@pytest.mark.parametrize("span_ms", [0, 1, 60_000, 86_400_000, 86_460_000, 31 * 86_400_000])
def test_a_timeline_has_few_steps_of_whole_minutes(span_ms: int) -> None:
    timeline = Timeline.between(T, T + span_ms)
    assert 1 <= len(timeline.arrived) <= STEPS_MAX
    assert timeline.step_ms % 60_000 == 0
    timeline.count(timeline.arrived, T)
    timeline.count(timeline.arrived, T + span_ms)
    assert sum(timeline.arrived) == 2
    assert Timeline.of(timeline.state()) == timeline


@pytest.mark.parametrize(("most", "end"), [(0, 4), (4, 4), (4.1, 6), (11, 12), (2_501, 3_200)])
def test_an_axis_ends_at_a_round_number(most: float, end: float) -> None:
    assert nice(most) == end


def test_every_outcome_has_a_name_in_the_summary() -> None:
    assert set(OUTCOME_NAMES) == set(OUTCOMES)
