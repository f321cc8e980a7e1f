"""Alerts: what holds now, what was told, who is told of what, and what could not be delivered."""

from typing import Any

from pydantic import BaseModel, Field
from quart import Response

from waitroom.accounts.guard import who
from waitroom.alerts import (
    KINDS,
    Alert,
    Alerts,
    AlertsNow,
    ChannelShown,
    Delivery,
    Quiet,
    RoomRule,
    RuleShown,
)
from waitroom.alerts.rules import Kind
from waitroom.api.asking import answer, control, if_match, if_match_header, json_object, no_content
from waitroom.api.blueprint import api, describe
from waitroom.api.models.base import Strict
from waitroom.errors import SettingError
from waitroom.web.services import services

_ABOUT = "Alerts"
_CHANNEL = if_match_header("the channel, which is its version,")
_RULE = if_match_header("the rule, which is its version,")


class ChannelBody(Strict):
    """A channel; what is left out stays as it is, or has its default."""

    kind: str | None = Field(None, description="slack, webhook or mail.")
    on: bool = Field(True, description="Whether it is told at all.")
    url: str | None = Field(
        None, description="With slack and webhook: where to. Never shown again; null leaves it."
    )
    secret: str | None = Field(
        None, description="With webhook: what signs. Never shown again; null leaves it."
    )
    to: list[str] = Field(default_factory=list, description="With mail: addresses.")
    rooms: list[str] | None = Field(None, description="Rooms it is told of; null for all.")
    kinds: list[Kind] | None = Field(None, description="What it is told of; null for all.")
    quiet: Quiet | None = Field(None, description="When it is told later.")
    urgent_anytime: bool = Field(True, description="Whether urgent alerts come even then.")


class RuleBody(Strict):
    """A rule; what is left out stays as it is, or has its default."""

    on: bool = Field(True, description="Whether anybody is told.")
    limit: int | None = Field(None, description="In the unit of its kind; not all have one.")
    for_s: int = Field(60, description="How long it holds before it is told, seconds.")
    clear_s: int = Field(120, description="How long it is over before that is told, seconds.")
    urgent: bool = Field(False, description="Whether it is told in quiet hours too.")


class Channels(BaseModel):
    """All channels by name, without their secrets."""

    channels: list[ChannelShown]


class Rules(BaseModel):
    """All rules that hold: those saved, and the defaults."""

    rules: list[RuleShown]


class RoomRules(BaseModel):
    """What holds in one room, one rule of each kind that concerns rooms."""

    rules: list[RoomRule]


class Told(BaseModel):
    """Alerts told lately, the newest first."""

    alerts: list[Alert]


class Undelivered(BaseModel):
    """One alert that was given up on its way to one channel."""

    id: str = Field(description="To send it again by.")
    channel: str = Field(description="The channel's name.")
    attempts: int = Field(description="How often it was tried.")
    error: str = Field(description="Why the last attempt failed.")
    dead_ms: int = Field(description="When it was given up, milliseconds since the epoch.")
    alert: Alert


class DeadLetters(BaseModel):
    """Deliveries that were given up, the newest first."""

    deliveries: list[Undelivered]


@api.get("/alerts")
@describe(_ABOUT, answers=AlertsNow)
async def alerts_now() -> Response:
    """See which conditions hold now.

    Of the rooms that the token is for, and of the installation.
    """
    return answer(await _alerts().state(who()))


@api.get("/alerts/told")
@describe(_ABOUT, answers=Told)
async def alerts_told() -> Response:
    """See what was told lately."""
    return answer(Told(alerts=await _alerts().told(who())))


@api.get("/alerts/channels")
@describe(_ABOUT, answers=Channels)
async def list_channels() -> Response:
    """List the channels and how their last deliveries went.

    Needs the role owner.
    """
    return answer(Channels(channels=await _alerts().channels(who())))


@api.put("/alerts/channels/<channel>")
@describe(_ABOUT, answers=ChannelShown, body=ChannelBody, headers=_CHANNEL, refuses=(409, 412))
async def save_channel(channel: str) -> Response:
    """Make a channel, or change it.

    A webhook without a secret gets one, which is in this answer and never shown again. Needs the
    role owner.
    """
    fields = await _named("name", channel)
    found = await _alerts().save_channel(who(), fields, version=if_match())
    return answer(found, ETag=f'"{found.version}"')


@api.delete("/alerts/channels/<channel>")
@describe(_ABOUT, status=204, headers=_CHANNEL, refuses=(404, 409, 412))
async def delete_channel(channel: str) -> Response:
    """Delete a channel.

    What is on its way to it is not sent any more. Needs the role owner.
    """
    await _alerts().delete_channel(who(), channel, version=if_match())
    return no_content()


@api.post("/alerts/channels/<channel>/test")
@describe(_ABOUT, status=204, refuses=(404, 502))
async def test_channel(channel: str) -> Response:
    """Send a test alert now.

    Answers when the channel took it; says why when it did not. Needs the role owner.
    """
    await _alerts().send_test(who(), channel)
    return no_content()


@api.get("/alerts/rules")
@describe(_ABOUT, answers=Rules)
async def list_rules() -> Response:
    """List what is worth an alert, and from when on.

    Needs the role owner.
    """
    return answer(Rules(rules=await _alerts().rules(who())))


@api.put("/alerts/rules/<rule>")
@describe(_ABOUT, answers=RuleShown, body=RuleBody, headers=_RULE, refuses=(404, 409, 412))
async def save_rule(rule: str) -> Response:
    """Say when something is worth an alert.

    A rule is named by its kind, as in wait, or by kind and room, as in wait:shop. The first rule of
    a room takes what is left out from the general one. Needs the role owner.
    """
    kind, _, room = rule.partition(":")
    if kind not in KINDS:
        raise SettingError("kind", kind, f"must be {' or '.join(KINDS)}")
    fields = await _named("kind", kind) | {"room": room or None}
    found = await _alerts().save_rule(who(), fields, version=if_match())
    return answer(found, ETag=f'"{found.version}"')


@api.delete("/alerts/rules/<rule>")
@describe(_ABOUT, status=204, headers=_RULE, refuses=(409, 412))
async def delete_rule(rule: str) -> Response:
    """Go back to the default of a kind, or to the general rule in a room.

    Needs the role owner.
    """
    await _alerts().delete_rule(who(), rule, version=if_match())
    return no_content()


@api.get("/rooms/<name>/alerts/rules")
@describe(_ABOUT, answers=RoomRules, refuses=(404,))
async def list_room_rules(name: str) -> Response:
    """See when the alerts of one room are told.

    And whether the room has a rule of its own, or the general one holds.
    """
    await control().room(who(), name)
    return answer(RoomRules(rules=await _alerts().room_rules(who(), name)))


@api.get("/alerts/dead")
@describe(_ABOUT, answers=DeadLetters)
async def list_dead_letters() -> Response:
    """List what could not be delivered and was given up.

    Needs the role owner.
    """
    found = await _alerts().dead_letters(who())
    return answer(DeadLetters(deliveries=[_undelivered(each) for each in found]))


@api.post("/alerts/dead/<delivery>/resend")
@describe(_ABOUT, status=204, refuses=(404, 409))
async def resend_alert(delivery: str) -> Response:
    """Send again what was given up.

    Within seconds, and with the same id. Needs the role owner.
    """
    await _alerts().resend(who(), delivery)
    return no_content()


def _alerts() -> Alerts:
    return Alerts(services().store, services().config)


async def _named(field: str, value: str) -> dict[str, Any]:
    given = await json_object()
    if field in given:
        raise SettingError(field, given[field], "is in the address")
    return given | {field: value}


def _undelivered(found: Delivery) -> Undelivered:
    return Undelivered(
        id=found.id,
        channel=found.channel,
        attempts=found.attempts,
        error=found.error,
        dead_ms=found.dead_ms or 0,
        alert=found.alert,
    )
