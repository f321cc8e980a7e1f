"""What goes out is what the library would have sent."""

import random
from dataclasses import replace
from typing import Any, Literal

import orjson
import pytest
import socketio.packet

from tests.live.test_line import board
from waitroom.live.answer import answer
from waitroom.live.packets import PagePacket
from waitroom.live.updates import Updates, event_packet
from waitroom.room import Board, RoomSettings, Standing

SETTINGS = RoomSettings()
#: Words of an owner that look like parts of the packet.
WORDS = [
    "",
    'a "title"',
    '0,"waiting":0',
    '"wait_s":null "poll_after_s":0',
    '\\"wait_s\\":null',
    "große Pause 🎟",
    "\x00\u2028",
]
PAYLOADS: list[Any] = [{"go_by_s": 120}, {"text": None}, {}, {"a": [1, 2.5, True, "x"]}]


def library_text(event: str, payload: Any) -> str:
    """Return an event as the library encodes it."""
    packet = socketio.packet.Packet(socketio.packet.EVENT, data=[event, payload])
    return f"4{packet.encode()}"


def answer_at(found: Board, position: int) -> dict[str, Any]:
    refused = found.state == "draining" and position == 0
    state: Literal["closed", "waiting"] = "closed" if refused else "waiting"
    return answer(found, SETTINGS, Standing(state, "v", 1, position, 0))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_an_event_is_the_text_that_the_library_sends(payload: Any) -> None:
    assert event_packet("admitted", payload) == library_text("admitted", payload)
    packet = PagePacket(socketio.packet.EVENT, data=["admitted", payload])
    assert f"4{packet.encode()}" == library_text("admitted", payload)


def test_other_letters_are_the_same_ones_to_the_page() -> None:
    ours, theirs = (make("message", {"text": WORDS[5]}) for make in (event_packet, library_text))
    assert orjson.loads(ours[2:]) == orjson.loads(theirs[2:])


@pytest.mark.parametrize(
    "state", ["open", "queueing", "paused", "recovering", "draining", "closed"]
)
@pytest.mark.parametrize("rate", [None, (50.0, 70.0)])
@pytest.mark.parametrize("words", WORDS)
def test_an_update_is_the_answer_at_that_position(state: Any, rate: Any, words: str) -> None:
    found = Board(
        **{name: getattr(board([1], [1]), name) for name in Board.__slots__}
        | {"state": state, "waiting": 700, "rate_per_minute": rate, "title": words}
        | {"message": words or None}
    )
    updates = Updates(found, SETTINGS)
    rng = random.Random(1)
    for position in (0, 1, 2, 699, 700, 701, *(rng.randrange(1, 2_000_000) for _ in range(20))):
        assert updates.packet(position) == event_packet("queue_update", answer_at(found, position))


@pytest.mark.parametrize("state", ["draining", "paused", "recovering"])
def test_whom_a_draining_room_refused_hears_so_and_all_others_where_they_stand(state: Any) -> None:
    found = replace(board([1], [1], waiting=5), state=state)
    updates = Updates(found, SETTINGS.changed({"draining": True}))
    refused, waits = (orjson.loads(updates.packet(position)[2:])[1] for position in (0, 3))
    assert (refused["status"], refused["position"]) == ("closed", None)
    assert (waits["status"], waits["position"]) == ("waiting", 3)


def test_a_page_that_waits_reads_the_update_of_the_library() -> None:
    found = board([1], [1], waiting=5)
    assert Updates(found, SETTINGS).packet(3) == library_text("queue_update", answer_at(found, 3))
