"""What is worth an alert, and from when on: one rule a kind, and one more for rooms that differ.

Without any rule saved, `DEFAULTS` hold for every room and for the installation. A rule that names a
room replaces the general one of its kind there.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from waitroom.edits import NEVER
from waitroom.errors import SettingError
from waitroom.ranges import allowed
from waitroom.room.settings import ROOM_NAME

Kind = Literal[
    "queueing",
    "wait",
    "low_use",
    "report_failed",
    "edge_silent",
    "worker_silent",
    "clock_silent",
    "redis_memory",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Kinds that concern one room; the others concern the installation.
ROOM_KINDS: frozenset[Kind] = frozenset({"queueing", "wait", "low_use", "report_failed"})

Span = Annotated[int, Field(ge=0, le=86_400)]


class Limit(NamedTuple):
    """What a limit may be.

    Attributes:
        least: The lowest.
        most: The highest.
        unit: Its unit, in words.
    """

    least: int
    most: int
    unit: str


#: Kinds whose condition is a figure beyond a limit.
LIMITS: dict[Kind, Limit] = {
    "wait": Limit(10, 86_400, "seconds"),
    "low_use": Limit(1, 100, "percent"),
    "edge_silent": Limit(30, 86_400, "seconds"),
    "redis_memory": Limit(1, 100, "percent"),
}


class Rule(BaseModel):
    """When to tell of what.

    Attributes:
        kind: ``queueing``: people wait; ``wait``: a newcomer waits longer than ``limit`` seconds;
            ``low_use``: less than ``limit`` percent of the seats are used although people wait
            (the site is slow to claim); ``report_failed``: a report cannot be made, and what it is
            about is deleted after ``keep_days`` all the same; ``edge_silent``: an edge was not
            heard of for ``limit`` seconds; ``worker_silent``, ``clock_silent``: none is alive;
            ``redis_memory``: Redis uses more than ``limit`` percent of what it may.
        room: The room it is about; None for all that have no rule of their own.
        on: Whether anybody is told.
        limit: See ``kind``; None where there is none.
        for_s: How long the condition holds before it is told, seconds.
        clear_s: How long it is over before its end is told, seconds; shorter gaps are not told.
        urgent: Whether it is told in quiet hours too, by channels that allow it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    room: Annotated[str, Field(max_length=40)] | None = None
    on: bool = True
    limit: int | None = None
    for_s: Span = 60
    clear_s: Span = 120
    urgent: bool = False

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("kind") in _DEFAULTS:
            return _DEFAULTS[value["kind"]] | value
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> "Rule":
        if self.room is not None and self.kind not in ROOM_KINDS:
            raise ValueError(f"room: {self.kind} concerns the installation, not a room")
        if self.room is not None and not ROOM_NAME.fullmatch(self.room):
            raise ValueError("room: must be the name of a room")
        span = LIMITS.get(self.kind)
        if span is None and self.limit is not None:
            raise ValueError(f"limit: {self.kind} has none")
        if span and (self.limit is None or not span.least <= self.limit <= span.most):
            raise ValueError(f"limit: must be {span.least} to {span.most} {span.unit}")
        return self

    @property
    def id(self) -> str:
        """The rule's name: its kind, with the room it is about."""
        return self.kind if self.room is None else f"{self.kind}:{self.room}"


_DEFAULTS: dict[str, dict[str, Any]] = {
    "queueing": {"for_s": 10, "clear_s": 120},
    "wait": {"limit": 1_800, "for_s": 60, "clear_s": 120},
    "low_use": {"limit": 60, "for_s": 180, "clear_s": 120},
    "report_failed": {"for_s": 60, "clear_s": 0, "urgent": True},
    "edge_silent": {"limit": 300, "for_s": 0, "clear_s": 0, "urgent": True},
    "worker_silent": {"for_s": 60, "clear_s": 30, "urgent": True},
    "clock_silent": {"for_s": 60, "clear_s": 30, "urgent": True},
    "redis_memory": {"limit": 85, "for_s": 60, "clear_s": 300, "urgent": True},
}

#: The rules of an installation that never changed one.
DEFAULTS: tuple[Rule, ...] = tuple(Rule.model_validate({"kind": kind}) for kind in KINDS)


def read_rule(fields: dict[str, Any], old: Rule | None = None) -> Rule:
    """Return a rule made of what somebody typed or sent.

    Args:
        fields: In the types of JSON; what is left out is as in ``old``, or has the default of its
            kind.
        old: The rule that holds now; None if it is the default.

    Raises:
        SettingError: Names the field, its value and what is allowed.
    """
    try:
        return Rule.model_validate((old.model_dump() if old else {}) | fields)
    except ValidationError as e:
        raise setting_error(e, Rule) from None


def setting_error(error: ValidationError, model: type[BaseModel]) -> SettingError:
    """Say what a model refused, in our words; secrets are not repeated.

    Args:
        error: Its first defect counts.
        model: What refused.
    """
    first = error.errors(include_url=False)[0]
    said = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        # A check of the whole names the field itself.
        name, _, said = said.partition(": ")
        return SettingError(name, _shown(name, first["input"].get(name)), said)
    name = ".".join(str(part) for part in first["loc"])
    field = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        said = "there is no such field"
    elif first["type"] == "missing":
        said = "is missing"
    elif first["type"] != "value_error" and len(first["loc"]) == 1:
        phrase = allowed(model, field)
        said = f"must be {phrase}" if phrase else said
    return SettingError(name, _shown(field, first["input"]), said)


def _shown(field: str, value: Any) -> Any:
    return "(hidden)" if field in ("url", "secret") else value


def with_defaults(saved: Iterable[Rule]) -> list[Rule]:
    """Return all rules that hold: the saved ones, and the defaults of kinds that have none.

    Args:
        saved: The rules that somebody changed.

    Returns:
        In order of kind; the general rule of each kind first, then those of rooms by name.
    """
    found = {rule.id: rule for rule in DEFAULTS} | {rule.id: rule for rule in saved}
    return sorted(found.values(), key=lambda rule: (KINDS.index(rule.kind), rule.room or ""))


class RuleShown(Rule):
    """A rule that holds, and its version.

    Attributes:
        version: Its version; also the answer's ETag.
    """

    version: str


class RoomRule(BaseModel):
    """When one room's alerts of a kind are told.

    Attributes:
        own: Whether the room has a rule of its own; else the general one holds.
        rule: The rule that holds.
        general: The rule of rooms without one of their own.
        version: Of the room's own rule, whether it has one or not.
    """

    model_config = ConfigDict(frozen=True)

    own: bool
    rule: Rule
    general: Rule
    version: str


def room_rules(saved: Iterable[Rule], room: str, versions: Mapping[str, str]) -> list[RoomRule]:
    """Return what holds in a room, one of each kind that concerns rooms.

    Args:
        saved: The rules that somebody changed.
        room: The room.
        versions: Of the rules that somebody changed, by id.
    """
    rules = {rule.id: rule for rule in with_defaults(saved)}
    return [
        RoomRule(
            own=f"{kind}:{room}" in rules,
            rule=rule_for(rules, kind, room),
            general=rules[kind],
            version=versions.get(f"{kind}:{room}", NEVER),
        )
        for kind in KINDS
        if kind in ROOM_KINDS
    ]


def rule_for(rules: Mapping[str, Rule], kind: Kind, room: str | None = None) -> Rule:
    """Return the rule that holds for a kind, in a room.

    Args:
        rules: All of them by id; see ``with_defaults``.
        kind: Of which there is a general one.
        room: The room; None for the installation.
    """
    return rules.get(f"{kind}:{room}", rules[kind])
