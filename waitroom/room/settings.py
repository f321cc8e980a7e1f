"""What an owner sets for a room: names, ranges and defaults in one model.

Names follow Cloudflare Waiting Room, which owners know. In Redis each value is one hash field
holding JSON, so scripts read limits directly and a change counts at the very next tick.
"""

import difflib
import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from waitroom.errors import SettingError, SettingsContradictError
from waitroom.legible import legible
from waitroom.mail_server import mail_address
from waitroom.ranges import allowed
from waitroom.return_to import PREFIX

ROOM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
#: Names of a room's themes: when it was published, and what it holds; see ``theme_store``.
THEME_VERSION = re.compile(r"[0-9]{14}-[0-9a-f]{8}")
#: Names that mean something else under ``/__waitroom/``.
RESERVED_NAMES = frozenset({"assets", "api"})


def room_name(name: str) -> str:
    """Return the name if a room may be called so.

    Raises:
        SettingError: If it is not 1 to 40 of a-z, 0-9, ``-``, ``_`` or is reserved.
    """
    if not ROOM_NAME.fullmatch(name) or name in RESERVED_NAMES:
        raise SettingError(
            "name",
            name,
            "must be 1 to 40 of a-z, 0-9, - and _, start with a letter or digit, "
            f"and not be one of {', '.join(sorted(RESERVED_NAMES))}",
        )
    return name


def _path_prefix(path: str) -> str:
    if not path.startswith("/") or path.startswith("//") or re.search(r"[\x00-\x20\\?#]", path):
        raise ValueError("must be a path such as /shop, without query or fragment")
    # Elsewhere owners write "/shop/*" for what is below "/shop".
    return path.removesuffix("*") if path.endswith("/*") else path


def _mail_address(text: str) -> str:
    try:
        return mail_address(text)
    except SettingError as e:
        raise ValueError(e.allowed) from None


def _network(value: object) -> object:
    if isinstance(value, bool | int):
        # Python takes 0 for 0.0.0.0; nobody writes that.
        raise ValueError("must be an address range, such as 10.0.0.0/8")
    return value


MailAddress = Annotated[str, AfterValidator(_mail_address), Field(max_length=254)]
PathPrefix = Annotated[str, AfterValidator(_path_prefix), Field(max_length=512)]
Host = Annotated[
    str,
    StringConstraints(
        to_lower=True,
        max_length=253,
        pattern=r"^(\*|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])$",
    ),
]


def _theme_version(version: str) -> str:
    if version and not THEME_VERSION.fullmatch(version):
        raise ValueError("must be a version as `waitroom rooms theme` lists them, or empty")
    return version


class Route(BaseModel):
    """A part of a site that a room protects.

    Attributes:
        host: Host name in lower case without port, or ``*`` for any host.
        path: Path prefix; ``/shop`` covers ``/shop`` and ``/shop/…`` but not ``/shopping``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host = "*"
    path: PathPrefix = "/"


class Bypass(BaseModel):
    """Requests that go through uncounted. A rule matches when all that it names match.

    Attributes:
        path: Path prefix.
        methods: HTTP methods, upper case.
        header: Name of a header whose value must equal ``value``.
        value: The header's secret value.
        network: Address range the visitor's address is in, such as ``10.0.0.0/8``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: PathPrefix | None = None
    methods: (
        Annotated[
            list[Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,16}$")]],
            Field(min_length=1, max_length=16),
        ]
        | None
    ) = None
    header: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")] | None = None
    value: Annotated[str, StringConstraints(min_length=16, max_length=256)] | None = None
    network: Annotated[IPvAnyNetwork, BeforeValidator(_network)] | None = None


class Unavailable(BaseModel):
    """What an edge does with visitors without a pass while the service is away.

    Attributes:
        action: ``open`` lets them through, ``closed`` holds them.
        open_limit_s: With ``open``: for how long at most, seconds; then it holds them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Literal["open", "closed"] = "closed"
    open_limit_s: Annotated[int, Field(ge=0, le=86_400)] = 600

    @model_validator(mode="before")
    @classmethod
    def _by_its_action(cls, value: Any) -> Any:
        # `when_unavailable=open` is what owners type.
        return {"action": value} if isinstance(value, str) else value


class RoomSettings(BaseModel):
    """One room's settings. Units are in the names; ``README.md`` explains each.

    ``close_after_s`` counts from the room's last opening (its making, or ``closed`` set back to
    false), or from when ``close_after_s`` itself was last set if that was later: a room that is
    open for long is not closed in the moment in which somebody tries the setting.
    ``draining`` refuses newcomers as ``closed`` does, and lets in those who have a place.
    ``keep_days`` is for how long visits that are over stay in the journal.
    ``report_to`` are the mail addresses that get the report when the room is closed.
    ``theme`` is the version of the splash page's theme that visitors see; see ``theme_store``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, Field(max_length=120)] = ""
    routes: Annotated[list[Route], Field(max_length=64)] = Field(default_factory=list)
    total_active_users: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    new_users_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    session_duration_s: Annotated[int, Field(ge=10, le=86_400)] = 300
    disable_session_renewal: bool = False
    claim_ttl_s: Annotated[int, Field(ge=10, le=3_600)] = 120
    heartbeat_ttl_s: Annotated[int, Field(ge=30, le=3_600)] = 45
    place_ttl_s: Annotated[int, Field(ge=60, le=86_400)] = 600
    recovery_hold_s: Annotated[int, Field(ge=0, le=600)] = 30
    queue_all: bool = False
    suspended: bool = False
    closed: bool = False
    draining: bool = False
    delivery: Literal["redirect", "inline"] = "redirect"
    queueing_status_code: Literal[200, 202, 429, 503] = 200
    when_unavailable: Unavailable = Unavailable()
    bypass: Annotated[list[Bypass], Field(max_length=64)] = Field(default_factory=list)
    second_connection: Literal["share", "refuse"] = "share"
    message: Annotated[str, Field(max_length=500)] | None = None
    epoch: Annotated[int, Field(ge=0, le=2_000_000_000)] = 0
    keep_days: Annotated[int, Field(ge=1, le=31)] = 31
    close_after_s: Annotated[int, Field(ge=60, le=31 * 86_400)] | None = None
    report_to: Annotated[list[MailAddress], Field(max_length=8)] = Field(default_factory=list)
    theme: Annotated[str, AfterValidator(_theme_version)] = ""

    @model_validator(mode="after")
    def _places_outlive_heartbeats(self) -> "RoomSettings":
        if self.place_ttl_s < self.heartbeat_ttl_s:
            raise ValueError("place_ttl_s must be at least heartbeat_ttl_s")
        return self

    def to_hash(self) -> dict[str, bytes]:
        """Return the settings as fields of the Redis hash, each value as JSON."""
        return {name: orjson.dumps(value) for name, value in self.model_dump(mode="json").items()}

    @classmethod
    def from_hash(cls, fields: dict[bytes, bytes]) -> "RoomSettings":
        """Read settings back from the Redis hash.

        Fields that this version does not know are left alone, so that two versions can run
        side by side during an upgrade; fields that are not there have their defaults.
        """
        known = {
            name: orjson.loads(value)
            for key, value in fields.items()
            if (name := key.decode()) in cls.model_fields
        }
        return cls.model_validate(known)

    def changed(self, changes: dict[str, Any]) -> "RoomSettings":
        """Return a copy with some settings changed.

        Args:
            changes: Setting name -> new value, in the types of JSON.

        Raises:
            SettingError: If a name is unknown or a value out of range; names the first one.
        """
        try:
            made = RoomSettings.model_validate(self.model_dump() | changes)
        except ValidationError as e:
            raise setting_error(e) from e
        _check_words(made, changes)
        _check_rules(made, changes)
        return made


def _check_words(settings: RoomSettings, changes: dict[str, Any]) -> None:
    """Refuse words that visitors cannot read; a room that has them goes on."""
    for name in ("title", "message"):
        text = getattr(settings, name)
        if name in changes and text:
            try:
                legible(text, lines=True)
            except ValueError as e:
                raise SettingError(name, text, str(e)) from e


def _check_rules(settings: RoomSettings, changes: dict[str, Any]) -> None:
    """Refuse rules that are well formed and do nothing; a room that has them goes on."""
    for route in settings.routes if "routes" in changes else ():
        if "*" in route.path:
            raise SettingError(
                "routes", route.path, "a path covers all below it; write it without *"
            )
        if f"{route.path}/".startswith(PREFIX):
            raise SettingError("routes", route.path, f"{PREFIX} is the waiting room's own")
    for rule in settings.bypass if "bypass" in changes else ():
        if not rule.model_dump(exclude_none=True):
            what = "a rule names at least one of path, methods, header with value, network"
            raise SettingError("bypass", {}, what)
        if rule.path is not None and "*" in rule.path:
            raise SettingError(
                "bypass", rule.path, "a path covers all below it; write it without *"
            )


def parse_assignments(pairs: list[str]) -> dict[str, Any]:
    """Read ``name=value`` pairs as typed on a command line.

    A value that is JSON is taken as JSON (``2``, ``true``, ``null``, ``[{"path": "/shop"}]``),
    anything else as text.

    Raises:
        SettingError: If a pair has no ``=``, or a list or object is not valid JSON.
    """
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise SettingError(pair, "", "write it as name=value")
        field = RoomSettings.model_fields.get(name)
        try:
            changes[name] = orjson.loads(text)
        except orjson.JSONDecodeError as e:
            if text.startswith(("[", "{")) and name not in ("title", "message"):
                raise SettingError(name, text, f"is not valid JSON: {e}") from e
            changes[name] = text
        # A title of "2026" is text, not a number.
        if field is not None and name in ("title", "message") and text != "null":
            changes[name] = text
    return changes


#: Settings that are made of parts with names of their own.
PARTS: dict[str, type[BaseModel]] = {
    "routes": Route,
    "bypass": Bypass,
    "when_unavailable": Unavailable,
}


def setting_error(error: ValidationError) -> SettingError:
    """Return what is wrong with settings that a model refused; names the first one."""
    first = error.errors()[0]
    if not first["loc"]:
        # Two settings that contradict each other; the sentence names both.
        said = first["msg"].removeprefix("Value error, ")
        name = said.split()[0]
        return SettingsContradictError(name, first["input"].get(name), said)
    field = str(first["loc"][0])
    name = ".".join(str(part) for part in first["loc"])
    value = first["input"]
    if field not in RoomSettings.model_fields:
        near = difflib.get_close_matches(field, RoomSettings.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else "see `waitroom rooms show`"
        return SettingError(name, value, f"there is no such setting; {hint}")
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden" and field in PARTS:
        said = f"there is no such field; there are {', '.join(PARTS[field].model_fields)}"
    # What is wrong inside a list is said best by the check itself.
    phrase = allowed(RoomSettings, field) if len(first["loc"]) == 1 else ""
    return SettingError(name, value, f"must be {phrase}" if phrase and _plain(first) else said)


def _plain(error: ErrorDetails) -> bool:
    """Whether the allowed range says it all; a check of ours has a reason of its own."""
    return error["type"] != "value_error"
