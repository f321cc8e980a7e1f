import random

import pytest

from loadtest.habits import HABITS, MIXED, PLAIN, draw, read_shares
from loadtest.shapes import SHAPES, seats_for, shape_for, stage_at, target, time_limit_s


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_brings_everybody_and_ends(name: str) -> None:
    shape = SHAPES[name]
    everybody = [target(shape, 1_000, at_s) for at_s in range(int(shape.lasts_s))]
    assert all(found is not None and found[0] == 1_000 for found in everybody)
    assert target(shape, 1_000, shape.lasts_s) is None


@pytest.mark.parametrize("name", SHAPES)
def test_everybody_has_come_before_the_next_stage_begins(name: str) -> None:
    for stage in SHAPES[name].stages:
        assert stage.ramp_s <= stage.lasts_s


def test_the_rate_brings_everybody_in_the_time_of_the_ramp() -> None:
    found = target(SHAPES["onsale"], 20_000, 0)
    assert found is not None
    visitors, rate = found
    assert visitors == 20_000
    assert visitors / rate == pytest.approx(9)


def test_stages_follow_each_other() -> None:
    shape = SHAPES["storm"]
    names = [found[1].name for at_s in range(300) if (found := stage_at(shape, at_s))]
    assert list(dict.fromkeys(names)) == ["arrive", "wait", "storm", "hold"]
    storm = next(stage for stage in shape.stages if stage.name == "storm")
    assert storm.order == "drop"


def test_hold_and_arrive_change_only_their_own_stages() -> None:
    shape = shape_for("steady", hold_s=7, arrive_s=20)
    arrive, hold = shape.stages
    assert (arrive.ramp_s, hold.lasts_s) == (20, 7)
    assert arrive.lasts_s >= arrive.ramp_s
    assert SHAPES["steady"].stages[1].lasts_s == 600


def test_every_run_has_a_limit_beyond_its_stages() -> None:
    assert all(time_limit_s(shape) > shape.lasts_s for shape in SHAPES.values())


def test_a_small_room_of_our_own_has_a_line_and_a_large_one_a_bound() -> None:
    assert seats_for(SHAPES["smoke"], 100) == 10
    assert seats_for(SHAPES["steady"], 10_000) == 200
    assert seats_for(SHAPES["smoke"], 1) == 5


def test_the_smoke_shape_is_the_seeds_test() -> None:
    # 100 visitors, none may be disconnected.
    assert SHAPES["smoke"].visitors == 100
    assert not SHAPES["smoke"].habits


def test_habits_are_drawn_as_often_as_their_shares_say() -> None:
    rng = random.Random(5)
    drawn = [draw({"network": 0.2, "goes": 0.1}, rng) for _ in range(10_000)]
    assert 1_850 < drawn.count("network") < 2_150
    assert 900 < drawn.count("goes") < 1_100
    assert drawn.count(PLAIN) + drawn.count("network") + drawn.count("goes") == 10_000


def test_the_mixed_crowd_has_every_habit() -> None:
    assert set(MIXED) | {PLAIN} == set(HABITS)
    assert sum(MIXED.values()) < 0.5


def test_shares_are_read_as_typed() -> None:
    assert read_shares("network=0.05,closes=0.5") == {"network": 0.05, "closes": 0.5}
    assert read_shares("") == {}


@pytest.mark.parametrize("text", ["nap=0.1", "network=2", "network=0.6,goes=0.6", "network", "=1"])
def test_shares_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_shares(text)
