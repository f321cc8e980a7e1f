"""What one visitor does, from the first request to leaving the site, in a greenlet of its own.

To the site, to the splash page, wait there as ``page.py`` does, go in when told, look around,
leave. Some depart from that: see ``habits.py``.
"""

import time
from urllib.parse import quote, urljoin

import gevent

from loadtest.browser import JSON, PAGE, Answer, Browser, UnreachableError, read_token
from loadtest.connection import Link, RefusedError
from loadtest.habits import HABITS, draw
from loadtest.measures import Journey
from loadtest.page import Page
from loadtest.pauses import growing
from loadtest.world import World

#: A climb of this share is not shown far back, as in splash/state.js.
CLIMB_SHARE = 0.05
#: Between two looks at pages of the site, seconds.
LOOK_S = (1.0, 5.0)
#: More trips than this that lead back to the splash page, and the visitor is lost.
TRIPS = 5


class Visit:
    """One visitor, one browser, one way through the waiting room.

    Args:
        world: What the visitors of this process share.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        plan = world.plan
        self.browser = Browser(world.connections, world.note)
        self.journey = Journey(draw(plan.habits, world.rng), arrived=time.time())
        #: What it now looks like: "" before and after the wait, else waiting, told, inside.
        self.state = ""
        self._slot = -1
        self._shown = 0
        self._base = world.next_service()
        self._pages: list[Page] = []

    # --- the way ----------------------------------------------------------------------------

    def run(self) -> None:
        """Live through it all; ends early when the visitor goes for good."""
        measures = self.world.measures
        measures.begin(self.journey)
        self.world.visits.add(self)
        self.world.gauges["here"] += 1
        try:
            self._arrive()
        finally:
            self._set_state("")
            for page in self._pages:
                page.close()
            self.world.visits.discard(self)
            self.world.gauges["here"] -= 1
            self.journey.ended = time.time()
            measures.end(self.journey)

    def _arrive(self) -> None:
        seated = self._stamp() if self.world.plan.stamped else self._ask_site()
        for _ in range(TRIPS):
            if not seated and not self._wait():
                return
            seated = seated or self._go()
            if seated:
                return self._browse()
        self.lose("sent in circles")

    def _stamp(self) -> bool:
        """Get a ticket of the generator, which plays the edge of a room that is queueing."""
        self.browser.jar[f"waitroom_ticket_{self.world.plan.room}"] = self.world.stamp()
        self._look_at_jar()
        self.journey.page = time.time()
        return False

    def _ask_site(self) -> bool:
        """Ask for the site; True when it lets the visitor in at once."""
        plan = self.world.plan
        failures = 0
        while True:
            try:
                answer = self.browser.ask("site", "GET", plan.site + plan.path, PAGE)
                if answer.status in (302, 303):
                    splash = urljoin(plan.site, answer.location)
                    self._look_at_jar()
                    if self.browser.ask("splash", "GET", splash, PAGE).status < 500:
                        self.journey.page = time.time()
                        return False
                elif answer.status == 200:
                    self._look_at_jar()
                    return bool(self.journey.passed)
            except UnreachableError:
                pass
            failures += 1
            self.world.measures.count("reloads")
            gevent.sleep(growing(failures))

    def _wait(self) -> bool:
        """Wait for the turn; False when the visitor goes for good."""
        habit = HABITS[self.journey.habit]
        board = self.world.board()
        for _ in range(habit.tabs - len(self._pages)):
            self._pages.append(Page(self, sockets=habit.sockets))
        for page in self._pages:
            page.turn.clear()
            page.arrive(board, self._shown, None)
        first = self._pages[0]
        if (habit.away_s[1] or not habit.comes_back) and not self.journey.absent:
            self._until_seen(first)
            first.turn.wait(self.world.rng.uniform(*habit.after_s))
            if not first.turn.is_set():
                if not habit.comes_back:
                    self.journey.absent = [time.time(), 0.0]
                    return False
                self._go_away(first, self.world.rng.uniform(*habit.away_s))
        first.turn.wait()
        return True

    def _until_seen(self, page: Page) -> None:
        while not self._shown and not page.turn.wait(1.0):
            pass

    def _go_away(self, page: Page, away_s: float) -> None:
        self.journey.absent = [time.time(), 0.0]
        self._show(0)
        page.sleep()
        if self.journey.habit == "closes":
            page.close()
        gevent.sleep(away_s)
        self.journey.absent[1] = time.time()
        if self.journey.habit == "closes":
            self._pages[0] = again = Page(self)
            again.turn = page.turn
            again.arrive(self.world.board(), self._shown, away_s)
        else:
            page.awake()

    def _go(self) -> bool:
        """Go in; False when it leads back to the splash page."""
        plan = self.world.plan
        for page in self._pages:
            page.close()
        self._set_state("told")
        url = f"{self._base}/__waitroom/{plan.room}/go?return_to={quote(plan.path, safe='')}"
        failures = 0
        while True:
            try:
                answer = self.browser.ask("go", "GET", url, PAGE)
                if answer.status in (302, 303):
                    break
            except UnreachableError:
                pass
            failures += 1
            gevent.sleep(growing(failures))
        self._look_at_jar()
        return answer.location == plan.path

    def _browse(self) -> None:
        plan, rng = self.world.plan, self.world.rng
        self._set_state("inside")
        stay_s = rng.uniform(*plan.stay_s)
        if not self.journey.told:
            # The first ones, who all come in at once, shall not all leave at once.
            stay_s *= rng.random()
        until = time.time() + stay_s
        while True:
            try:
                answer = self.browser.ask("page", "GET", plan.site + plan.path, PAGE)
                if answer.status == 200:
                    self.journey.inside = self.journey.inside or time.time()
                else:
                    self._sent_out(answer)
            except UnreachableError:
                self.world.measures.count("site_failed")
            left_s = until - time.time()
            if left_s <= 0:
                break
            gevent.sleep(min(left_s, rng.uniform(*LOOK_S)))
            if until - time.time() <= 0:
                break
        if rng.random() < plan.leaves:
            self._leave()

    def _sent_out(self, answer: Answer) -> None:
        if answer.status in (302, 303) and time.time() < self._deadline_s():
            self.lose("the seat was not there")

    def _leave(self) -> None:
        self.journey.freed = time.time()
        url = f"{self._base}/__waitroom/{self.world.plan.room}/leave"
        for failures in range(1, 6):
            try:
                if self.browser.ask("leave", "POST", url, JSON).status < 500:
                    return
            except UnreachableError:
                pass
            gevent.sleep(growing(failures))
            self.journey.freed = time.time()

    # --- what its pages ask and tell ----------------------------------------------------------

    def ask(self, verb: str, method: str, headers: dict[str, str]) -> Answer:
        """Ask the service in the visitor's name."""
        url = f"{self._base}/__waitroom/{self.world.plan.room}/{verb}"
        answer = self.browser.ask(verb, method, url, headers)
        self._look_at_jar()
        return answer

    def connect(self, link: Link) -> None:
        """Open a socket, and note how long that took."""
        started = time.perf_counter()
        failed = ""
        try:
            link.open(self._base, self.browser.cookie())
        except RefusedError as e:
            failed = str(e)
            self.world.measures.count("sockets_refused")
            raise
        finally:
            self.world.note("SOCKET", "connect", time.perf_counter() - started, failed)

    def planned(self, after_s: float) -> None:
        """Note when the page means to connect."""
        self.journey.planned = self.journey.planned or time.time() + after_s

    def registered(self) -> None:
        """Note that the server has taken in a socket."""
        self.journey.registered = self.journey.registered or time.time()
        self.world.measures.count("registers")

    def disconnected(self, why: str) -> None:
        """Note that a socket ended, and not because of this visitor."""
        self.world.measures.count(f"disconnect {why}")

    def fell_silent(self) -> None:
        """Note that a page of this visitor lost touch."""
        silent = self.journey.silent
        if len(silent) % 2 == 0:
            silent.append(time.time())

    def spoke(self) -> None:
        """Note that the server has heard of this visitor."""
        silent = self.journey.silent
        if len(silent) % 2:
            silent.append(time.time())

    def live_changed(self, by: int) -> None:
        """Count the sockets that work."""
        self.world.gauges["live"] += by

    def shown(self, position: int) -> None:
        """Note what the page was told, and what it shows of it."""
        self.world.measures.count("updates")
        if not self.journey.position:
            self.journey.position = time.time()
        if self.state != "waiting":
            self._set_state("waiting")
        line = self.world.line
        if line is not None:
            line.told(self._slot, position)
        climb = position - self._shown
        if not self._shown or not 0 < climb <= self._shown * CLIMB_SHARE:
            self._show(position)

    def told(self) -> None:
        """Note that it is the visitor's turn."""
        self.journey.told = self.journey.told or time.time()

    def lose(self, how: str) -> None:
        """Note that the place or the seat is lost."""
        if not self.journey.lost:
            self.journey.lost = how
            self.world.measures.count("lost")

    def drop(self) -> None:
        """Lose all sockets, and notice it."""
        for page in self._pages:
            page.drop()

    @property
    def in_touch(self) -> bool:
        """Whether the visitor's page knows where it stands, or the visitor has gone away."""
        absent = self.journey.absent
        away = bool(absent) and absent[1] == 0.0
        return away or self.state != "waiting" or any(page.hears for page in self._pages)

    # --- inside -----------------------------------------------------------------------------

    def _show(self, position: int) -> None:
        self._shown = position or self._shown
        if self.world.line is not None:
            self.world.line.shown(self._slot, position)

    def _set_state(self, state: str) -> None:
        if state == self.state:
            return
        line, gauges = self.world.line, self.world.gauges
        if self.state:
            gauges[self.state] -= 1
        if state:
            gauges[state] += 1
        if line is not None and state == "waiting":
            self._slot = line.enter(self.journey.visitor)
        elif line is not None and self.state == "waiting":
            line.leave(self._slot, self.journey.visitor)
            self._slot = -1
        self.state = state

    def _look_at_jar(self) -> None:
        """Read ticket and pass as far as they say something in clear."""
        room, jar, journey = self.world.plan.room, self.browser.jar, self.journey
        if f"waitroom_pass_{room}" in jar and not journey.passed:
            journey.passed = time.time()
        fields = read_token(jar.get(f"waitroom_ticket_{room}", ""))
        if len(fields) != 3 or not fields[2].isdigit():
            return
        if not journey.ticket:
            journey.ticket, journey.visitor, journey.place = time.time(), fields[1], int(fields[2])
        elif (fields[1], int(fields[2])) != (journey.visitor, journey.place):
            self.lose("a later place" if int(fields[2]) > journey.place else "another place")

    def _deadline_s(self) -> float:
        fields = read_token(self.browser.jar.get(f"waitroom_pass_{self.world.plan.room}", ""))
        return int(fields[2]) / 1000 if len(fields) == 4 else 0.0
