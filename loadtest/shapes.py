"""The shapes a run can have: tables of stages. Pure; time comes with each call.

A stage says how many visitors there are at its end, how long it takes to get there, how long it
lasts and what happens when it begins. ``--hold`` changes how long the stage called ``hold`` lasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from loadtest.habits import MIXED, NOBODY

#: What may happen when a stage begins. ``drop``: all sockets are lost at once. ``open``: the doors
#: open, where the stand was paused. ``restart``: its web processes are replaced, one by one.
Order = Literal["", "drop", "open", "restart"]
HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of a shape's table.

    Attributes:
        name: Shown while it lasts.
        lasts_s: How long.
        share: Of ``--visitors``, there at its end.
        ramp_s: In how much time they come; 0 = as the stage before.
        order: What happens when it begins.
    """

    name: str
    lasts_s: float
    share: float = 1.0
    ramp_s: float = 0.0
    order: Order = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape.

    Attributes:
        about: What it is for, in a few words.
        stages: Its table.
        visitors: How many, unless ``--visitors`` says it.
        again: Whether who has left is followed by somebody new.
        stay_s: How long an admitted visitor looks around.
        leaves: Share of those who give the seat up when they go.
        habits: Who departs from just waiting.
        seats_share: Seats of a room that the run starts itself, as a share of the visitors…
        seats: …and how many at least and at most.
        room: More settings of that room.
        stamped: The generator plays the edge and stamps the tickets.
        until: What ends the last stage sooner: ``gone`` = everybody has left.
        settles: Staleness and the way of a seat are judged from the stage ``hold`` on.
    """

    about: str
    stages: tuple[Stage, ...]
    visitors: int
    again: bool = False
    stay_s: tuple[float, float] = (2.0, 4.0)
    leaves: float = 1.0
    habits: Mapping[str, float] = field(default_factory=lambda: NOBODY)
    seats_share: float = 0.25
    seats: tuple[int, int] = (5, 200)
    room: Mapping[str, Any] = field(default_factory=dict)
    stamped: bool = False
    until: Literal["", "gone"] = ""
    settles: bool = False

    @property
    def lasts_s(self) -> float:
        """How long all stages take."""
        return sum(stage.lasts_s for stage in self.stages)


SHAPES: dict[str, Shape] = {
    "smoke": Shape(
        "everybody waits, gets in and leaves; nobody is disconnected",
        (Stage("arrive", 5, ramp_s=4), Stage(HOLD, 30)),
        visitors=100,
        stay_s=(1.0, 3.0),
        # So few that some wait longer than a heartbeat.
        seats_share=0.1,
        until="gone",
    ),
    "onsale": Shape(
        "everybody within seconds, then the doors open",
        (
            Stage("arrive", 10, ramp_s=9),
            Stage("register", 50),
            Stage(HOLD, 60, order="open"),
        ),
        visitors=20_000,
        stay_s=(15.0, 25.0),
        room={"queue_all": True},
        stamped=True,
    ),
    "steady": Shape(
        "a long line that is served at an even pace",
        (Stage("arrive", 100, ramp_s=90), Stage(HOLD, 600)),
        visitors=10_000,
        again=True,
        stay_s=(18.0, 22.0),
        leaves=0.95,
        settles=True,
    ),
    "storm": Shape(
        "all sockets are lost at once, and come back",
        (
            Stage("arrive", 100, ramp_s=90),
            Stage("wait", 30),
            Stage("storm", 60, order="drop"),
            Stage(HOLD, 30),
        ),
        visitors=10_000,
        again=True,
        stay_s=(18.0, 22.0),
    ),
    "drain": Shape(
        "nobody comes any more, web processes are replaced, the line empties",
        (
            Stage("arrive", 30, ramp_s=25),
            Stage("wait", 20),
            Stage("restart", 40, order="restart"),
            Stage(HOLD, 300),
        ),
        visitors=1_000,
        stay_s=(3.0, 6.0),
        seats_share=0.02,
        until="gone",
    ),
    "soak": Shape(
        "hours of everything that visitors do",
        (Stage("arrive", 60, ramp_s=50), Stage(HOLD, 3_600)),
        visitors=500,
        again=True,
        stay_s=(10.0, 40.0),
        leaves=0.6,
        habits=MIXED,
        settles=True,
    ),
}


def shape_for(name: str, *, hold_s: float | None = None, arrive_s: float | None = None) -> Shape:
    """Return a shape, with its times changed as the command line wishes.

    Args:
        name: One of ``SHAPES``.
        hold_s: How long the stage ``hold`` lasts.
        arrive_s: In how much time everybody comes.
    """
    shape = SHAPES[name]
    stages = []
    for stage in shape.stages:
        if stage.name == HOLD and hold_s is not None:
            stage = replace(stage, lasts_s=hold_s)
        if stage.ramp_s and arrive_s is not None:
            stage = replace(stage, ramp_s=arrive_s, lasts_s=arrive_s * 1.1 + 1)
        stages.append(stage)
    return replace(shape, stages=tuple(stages))


def stage_at(shape: Shape, at_s: float) -> tuple[int, Stage] | None:
    """Return the stage of a moment with its number; None when all are over."""
    for number, stage in enumerate(shape.stages):
        at_s -= stage.lasts_s
        if at_s < 0:
            return number, stage
    return None


def target(shape: Shape, visitors: int, at_s: float) -> tuple[int, float] | None:
    """Return how many visitors there should be, and how many may come or go a second.

    Args:
        shape: The shape.
        visitors: As ``--visitors`` says.
        at_s: Seconds since the begin.

    Returns:
        None when the run is over.
    """
    found = stage_at(shape, at_s)
    if found is None:
        return None
    number, stage = found
    before = shape.stages[number - 1].share if number else 0.0
    change = abs(stage.share - before) * visitors
    rate = change / stage.ramp_s if stage.ramp_s else max(1.0, change)
    return max(1, round(stage.share * visitors)), max(0.1, rate)


def seats_for(shape: Shape, visitors: int) -> int:
    """Return the seats of a room that the run starts itself."""
    least, most = shape.seats
    return max(least, min(most, round(visitors * shape.seats_share)))


def time_limit_s(shape: Shape) -> float:
    """Return after how long a run is ended, whatever it is doing."""
    return shape.lasts_s * 1.25 + 60
