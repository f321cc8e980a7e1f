import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waitroom.room import Store
from waitroom.room.loading import source
from waitroom.room.records import Spans
from waitroom.room.spans import FIRST_MS, LAST_BIN, RATIO

DAY_MS = 86_400_000
#: What `sample` reads of what was counted, without the rest of it.
COUNT = """
local found = {}
for _, ms in ipairs(ARGV) do add_span(found, 'wait', tonumber(ms)) end
write_spans(found, KEYS[1])
return read_spans(KEYS[1]).wait
"""


def bin_of(ms: int) -> int:
    return 0 if ms < FIRST_MS else math.floor(math.log(ms / FIRST_MS) / math.log(RATIO)) + 1


def counted(spans_ms: list[int]) -> Spans:
    bins: dict[int, int] = {}
    for ms in sorted(spans_ms):
        bins[bin_of(ms)] = bins.get(bin_of(ms), 0) + 1
    return Spans(bins, sum(spans_ms))


@given(st.lists(st.integers(0, 20 * DAY_MS), min_size=1), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1]))
def test_quantile_is_at_most_8_per_cent_off(spans_ms: list[int], share: float) -> None:
    spans = counted(spans_ms)
    exact = sorted(spans_ms)[max(0, math.ceil(share * len(spans_ms)) - 1)]
    found = spans.quantile_ms(share)
    assert found is not None
    assert abs(found - exact) <= max(50, 0.08 * exact)
    assert spans.mean_ms == pytest.approx(sum(spans_ms) / len(spans_ms))


@given(st.lists(st.integers(0, DAY_MS)), st.lists(st.integers(0, DAY_MS)))
def test_spans_of_two_parts_are_those_of_the_whole(one: list[int], other: list[int]) -> None:
    assert Spans.together([counted(one), counted(other)]) == counted(one + other)


@given(st.lists(st.integers(0, DAY_MS)))
def test_text_is_read_back_as_it_was(spans_ms: list[int]) -> None:
    spans = counted(spans_ms)
    assert Spans.parse(spans.text().encode()) == spans


def test_nothing_counted_says_nothing() -> None:
    assert (Spans().count, Spans().mean_ms, Spans().quantile_ms(0.5)) == (0, None, None)
    assert Spans().text() == "" and Spans.parse(b"") == Spans()


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        Spans().quantile_ms(share)


async def test_script_counts_in_the_same_bins(store: Store) -> None:
    shared = source("leave").split("--[[\nleave:")[0] + source("sample").split("--[[\nsample:")[0]
    # Each bin's ends, where a last digit decides, and both ends of all.
    edges = [math.ceil(FIRST_MS * RATIO**n) for n in range(LAST_BIN - 1)]
    some = [0, 1, 99, 100, 33 * DAY_MS, 900 * DAY_MS, *edges, *(edge - 1 for edge in edges)]
    text = await store.redis.eval(shared + COUNT, 1, "waitroom:{shop}:waits", *some)
    found = Spans.parse(text)
    assert found.sum_ms == sum(some) and found.count == len(some)
    assert max(found.bins) == LAST_BIN
    expected = counted([ms for ms in some if bin_of(ms) < LAST_BIN])
    assert {n: found.bins[n] for n in expected.bins} == expected.bins
