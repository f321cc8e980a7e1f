"""One tab that shows the splash page: what splash/*.js does, in the same order and at its pace.

Board first, then the socket after a moment that follows the length of the line; heartbeats;
polling while the socket is away, and rarely while it works. ``Page`` is driven by timers and by
what comes; it blocks nobody. ``turn`` is set once it is the visitor's turn.
"""

import random
import time
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from loadtest.browser import JSON, UnreachableError
from loadtest.connection import Link, RefusedError
from loadtest.pauses import LONGEST_PAUSE_S, NEWS_S, Alarm, arrival_s, growing, jitter, spread

if TYPE_CHECKING:
    from loadtest.visit import Visit

# As in splash/live.js, asking.js and arrival.js; seconds.
BEAT_S, ACK_TIMEOUT_S, RETRIES = 15.0, 5.0, 3
REFUSED_S, LOST_S, UNKNOWN_S = 60.0, 2.0, 0.5
INSURANCE_S, FLOOR_S, REFUSALS = 60.0, 2.0, 3
SOCKET_S = 4.0
#: The library's own pauses before it connects again; splash/live.js sets them.
RECONNECT_S, RECONNECT_MAX_S = 1.0, 30.0


class Page:
    """One tab.

    Args:
        visit: Whose tab it is.
        sockets: Whether this network lets sockets through.
    """

    def __init__(self, visit: "Visit", *, sockets: bool = True) -> None:
        self._visit = visit
        self._sockets = sockets
        self.turn = Event()
        self.live = False
        self.running = False
        self._entered = self._planned = self._asking = self._opening = False
        self._failures = self._refusals = self._drops = self._reconnects = 0
        self._link: Link | None = None
        self._ask_alarm = Alarm(lambda: gevent.spawn(self._ask))
        self._open_alarm = Alarm(lambda: gevent.spawn(self._open))
        self._beat_alarm = Alarm(self._beat)
        self._ack_alarm = Alarm(self._unanswered)
        self._waits_for = (0, "")
        self._tries = 0
        self._sent_s = self._heard_s = self._closed_s = 0.0

    @property
    def hears(self) -> bool:
        """Whether news reach this tab: by the socket, or asked for not long ago."""
        heard = not self._failures and time.monotonic() - self._heard_s < NEWS_S
        return self.live or heard

    # --- waiting.js -------------------------------------------------------------------------

    def arrive(self, board: dict[str, Any] | None, position: int, gone_s: float | None) -> None:
        """Begin, with the board as it came; None = it did not."""
        self.running = True
        if board is None or not board.get("queueing"):
            return self._ask_alarm.set(0)
        self._planned = True
        connect_s = arrival_s(board, position, gone_s)
        self._visit.planned(connect_s)
        self._ask_alarm.set(connect_s + jitter(SOCKET_S))
        if self._sockets:
            self._open_alarm.set(connect_s)

    def wake(self) -> None:
        """The visitor or the network is back."""
        if self._planned or not self.running:
            return
        self._ask_alarm.set(random.random())
        if self.live:
            self._beat_alarm.set(0)
        elif self._sockets:
            self._open_alarm.set(random.random() * LOST_S)

    def drop(self) -> None:
        """Lose the socket, and notice it, as when a network changes."""
        if self._link is not None and self._link.connected:
            self._link.close()
            self._visit.world.measures.count("dropped")
            self._closed("dropped")

    def sleep(self) -> None:
        """Hear, send and ask nothing until ``awake``."""
        for alarm in (self._ask_alarm, self._open_alarm, self._beat_alarm, self._ack_alarm):
            alarm.clear()
        if self._link is not None:
            self._link.deafen()
        self._set_live(False)
        self.running = False

    def awake(self) -> None:
        """Go on where it was: the socket is dead by now, or so the page must think."""
        self.running = True
        self._drop_link()
        self._planned = False
        self.wake()

    def close(self) -> None:
        """Close the tab: nothing is said to anybody."""
        self.sleep()
        self._drop_link()

    def _closed_meanwhile(self) -> bool:
        return not self.running

    # --- asking.js --------------------------------------------------------------------------

    def _ask(self) -> None:
        if self._asking or not self.running:
            return
        self._asking, self._planned = True, False
        verb, method = ("status", "GET") if self._entered else ("enter", "POST")
        pause_s = 0.0
        try:
            answer = self._visit.ask(verb, method, JSON)
            if self._closed_meanwhile():
                return
            pause_s = self._read(answer.status, answer.json(), answer.retry_s)
        except UnreachableError:
            pause_s = self._failed(0)
        finally:
            self._asking = False
        if self.running and not self.turn.is_set():
            self._ask_alarm.set(pause_s)

    def _read(self, status: int, body: Any, retry_s: float) -> float:
        if status == 401:
            return self._refused()
        if status != 200 or not isinstance(body, dict) or "status" not in body:
            return self._failed(retry_s)
        self._failures = self._refusals = 0
        self._visit.spoke()
        self._entered = self._entered or body["status"] != "closed"
        self._answered(body)
        if body["status"] == "waiting" and not self.live and self._sockets:
            self._start(spread(body["position"]) + random.random())
        if self.live:
            return jitter(INSURANCE_S)
        self._visit.world.measures.count("polls")
        return jitter(max(FLOOR_S, float(body.get("poll_after_s") or 5), retry_s))

    def _failed(self, retry_s: float) -> float:
        self._failures += 1
        self._visit.world.measures.count("asks_failed")
        return max(jitter(retry_s), growing(self._failures))

    def _refused(self) -> float:
        self._refusals += 1
        self._drop_link()
        self._entered = False
        self._visit.world.measures.count("tickets_refused")
        if self._refusals > REFUSALS:
            self._visit.lose("cookies refused")
            return LONGEST_PAUSE_S
        return random.random() * 0.5 if self._refusals == 1 else growing(self._refusals)

    # --- live.js ----------------------------------------------------------------------------

    def _start(self, after_s: float) -> None:
        if self._opening or self._open_alarm.is_set or (self._link and self._link.connected):
            return
        self._open_alarm.set(after_s)

    def _open(self) -> None:
        if self._opening or not self.running or not (self._entered or self._planned):
            return
        if self._link is not None and self._link.connected:
            return
        self._opening = True
        self._drop_link()
        link = Link(self)
        try:
            self._visit.connect(link)
        except RefusedError:
            # The library tries again by itself.
            self._again()
            return
        finally:
            self._opening = False
        if self._closed_meanwhile():
            return link.close()
        self._link, self._reconnects = link, 0
        self._emit("register", {"room": self._visit.world.plan.room})

    def _again(self) -> None:
        pause_s = min(RECONNECT_MAX_S, RECONNECT_S * 2**self._reconnects)
        self._reconnects = min(self._reconnects + 1, 6)
        if self.running:
            self._open_alarm.set(min(RECONNECT_MAX_S, pause_s * (0.5 + random.random())))

    def _emit(self, name: str, *payload: Any) -> None:
        if self._link is None:
            return
        self._sent_s = time.perf_counter()
        number = self._link.emit(name, *payload)
        if not number:
            return
        first = self._waits_for[1] != name
        self._tries = 0 if first else self._tries + 1
        self._waits_for = (number, name)
        self._ack_alarm.set(ACK_TIMEOUT_S)

    def _unanswered(self) -> None:
        self._visit.world.measures.count("unanswered")
        _, name = self._waits_for
        if self._tries < RETRIES and self._link is not None and self._link.connected:
            payload = [{"room": self._visit.world.plan.room}] if name == "register" else []
            self._emit(name, *payload)
        else:
            self._retry()

    def _beat(self) -> None:
        if self.live:
            self._emit("heartbeat")

    def on_ack(self, number: int, answer: Any) -> None:
        """Read the answer to register or heartbeat."""
        waits_for, name = self._waits_for
        if number != waits_for:
            return
        self._ack_alarm.clear()
        self._waits_for = (0, "")
        self._visit.world.measures.latency(name, time.perf_counter() - self._sent_s)
        code = answer.get("error") if isinstance(answer, dict) else None
        if code:
            return self._troubled(code)
        self._drops = 0
        if name == "register":
            self._set_live(True)
            self._planned, self._entered = False, True
            self._ask_alarm.set(jitter(INSURANCE_S))
            self._visit.registered()
            self._visit.spoke()
            if self._closed_s:
                self._visit.world.measures.latency("back", time.monotonic() - self._closed_s)
                self._closed_s = 0.0
        self._beat_alarm.set(BEAT_S)

    def on_event(self, name: str, payload: Any) -> None:
        """Read what the server says by itself."""
        if name == "queue_update" and isinstance(payload, dict):
            self._answered(payload)
        elif name == "admitted":
            self._admitted()
        elif name == "error" and isinstance(payload, dict):
            self._troubled(payload.get("code"))

    def on_close(self, why: str) -> None:
        """The server or the network ended the socket."""
        self._visit.world.measures.count("disconnects")
        self._visit.disconnected(why)
        self._closed(why)

    def _closed(self, why: str) -> None:
        self._link = None
        self._closed_s = time.monotonic()
        self._visit.fell_silent()
        self._lost()
        if why == "io server disconnect":
            self._retry()
        else:
            self._again()

    def _lost(self) -> None:
        self._beat_alarm.clear()
        self._ack_alarm.clear()
        self._waits_for = (0, "")
        if not self.live:
            return
        self._set_live(False)
        if self.running:
            self._ask_alarm.set(random.random() * LOST_S)

    def _retry(self, after_s: float | None = None) -> None:
        self._lost()
        self._drop_link()
        self._drops += 1
        if self.running:
            self._open_alarm.set(growing(self._drops) if after_s is None else after_s)

    def _troubled(self, code: str | None) -> None:
        self._visit.world.measures.count(f"error {code}")
        if self._planned:
            self._drop_link()
            self._open_alarm.clear()
            return self._ask_alarm.set(random.random() * UNKNOWN_S)
        if code == "bad_token":
            self._retry()
            return self._ask_alarm.set(random.random() * LOST_S)
        if code == "store_unavailable" and self.live:
            return self._beat_alarm.set(BEAT_S)
        self._retry(None if code == "store_unavailable" else jitter(REFUSED_S))

    def _drop_link(self) -> None:
        self._set_live(False)
        self._beat_alarm.clear()
        self._ack_alarm.clear()
        if self._link is not None:
            self._link.close()
            self._link = None

    def _set_live(self, live: bool) -> None:
        if live != self.live:
            self.live = live
            self._visit.live_changed(1 if live else -1)

    # --- state.js ---------------------------------------------------------------------------

    def _answered(self, answer: dict[str, Any]) -> None:
        self._heard_s = time.monotonic()
        if answer["status"] == "admitted":
            self._admitted()
        elif answer["status"] == "waiting":
            self._visit.shown(int(answer["position"]))

    def _admitted(self) -> None:
        if not self.turn.is_set():
            self._visit.told()
            self.turn.set()
