"""What owners see of channels and conditions. No secret is in any of it."""

from pydantic import BaseModel, ConfigDict

from waitroom.alerts.channels import Channel
from waitroom.alerts.outcomes import Outcome
from waitroom.alerts.quiet import Quiet
from waitroom.alerts.rules import Kind
from waitroom.alerts.state import State
from waitroom.alerts.texts import title


class ChannelShown(BaseModel):
    """A channel without its secrets; the fields are those of ``Channel`` and these.

    Attributes:
        address: Where to: of a URL only scheme and host.
        url_set: Whether it has a URL.
        secret_set: Whether it has a secret that signs.
        outcome: How its last deliveries went.
        new_secret: The secret that was made for a webhook just now: shown once, by ``save_channel``
            only; None otherwise.
        version: Its version; also the answer's ETag.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    on: bool
    address: str
    url_set: bool
    secret_set: bool
    to: list[str]
    rooms: list[str] | None
    kinds: list[Kind] | None
    quiet: Quiet | None
    urgent_anytime: bool
    outcome: Outcome
    new_secret: str | None = None
    version: str


class ConditionShown(BaseModel):
    """A condition that holds, or held a moment ago.

    Attributes:
        id: Its name.
        kind: Its kind.
        room: The room it concerns; None for the installation.
        subject: The edge it concerns, if one.
        phase: ``pending``: not told yet; ``firing``: told; ``ending``: over, its end not told yet.
        title: One line.
        text: What was found last.
        value: The figure; None where there is none.
        limit: Its limit; None where there is none.
        since_ms: When it began to hold, ms since epoch.
        urgent: Whether quiet hours hold it back.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: Kind
    room: str | None
    subject: str | None
    phase: str
    title: str
    text: str
    value: float | None
    limit: int | None
    since_ms: int
    urgent: bool


class AlertsNow(BaseModel):
    """How things stand.

    Attributes:
        conditions: Those that hold, the urgent and the oldest ones first.
        checked_ms: When conditions were last checked, ms since epoch; None if never.
        checked_by: ``worker``, or the web process that stands in for them; None if never.
        waiting: Deliveries under way, held back or to be retried.
        given_up: Deliveries given up.
    """

    model_config = ConfigDict(frozen=True)

    conditions: list[ConditionShown]
    checked_ms: int | None
    checked_by: str | None
    waiting: int
    given_up: int


def show_channel(
    channel: Channel, version: str, outcome: Outcome | None, new_secret: str | None = None
) -> ChannelShown:
    """Return a channel as it may be shown.

    Args:
        channel: With its secrets.
        version: Of the channel, or of it as it was before.
        outcome: How its last deliveries went; None if it had none.
        new_secret: A secret that was made just now, to be shown once.
    """
    fields = channel.model_dump(exclude={"url", "secret"})
    return ChannelShown(
        **fields,
        address=channel.address,
        url_set=channel.url is not None,
        secret_set=channel.secret is not None,
        outcome=outcome or Outcome(),
        new_secret=new_secret,
        version=version,
    )


def show_condition(id_: str, state: State) -> ConditionShown:
    """Return a condition as it may be shown.

    Args:
        id_: Its name.
        state: Its state.
    """
    fields = state.model_dump(exclude={"turned_ms", "seen_ms"})
    return ConditionShown(id=id_, title=title(state, "started"), **fields)
