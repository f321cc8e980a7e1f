"""One process of a crowd: visitors who come, wait, fall silent, come back, shop and leave.

Run as ``python crowd.py URL INDEX``. The test and its processes go in rounds: the test says what
time it is, each process does what its visitors do then, all at once, and reports who was present.
So nothing depends on how fast anything runs, and within a round everything may meet.
"""

import asyncio
import json
import random
import sys
from dataclasses import dataclass, field
from typing import Any, Literal

from waitroom.room import Directory, Room, Store
from waitroom.room.scripts import Standing

#: Chances a round.
FALL_SILENT, LEAVE_LINE, LEAVE_SITE, NEVER_COME, STOP_RENEWING = 0.012, 0.003, 0.2, 0.05, 0.05


@dataclass
class Guest:
    """One visitor and what he does."""

    visitor: str
    place: int = 0
    where: Literal["line", "seat", "gone"] = "line"
    silent_rounds: int = 0
    was_silent: bool = False
    deadline_ms: int = 0


@dataclass
class Crowd:
    """The visitors of one process."""

    room: Room
    dice: random.Random
    now_ms: int = 0
    guests: list[Guest] = field(default_factory=list)
    present: list[tuple[str, int]] = field(default_factory=list)
    seated: list[tuple[str, int]] = field(default_factory=list)

    async def round(self, now_ms: int, newcomers: list[str]) -> dict[str, Any]:
        """Do what everybody does at this moment, in no order, and say who was here."""
        self.now_ms, self.present, self.seated = now_ms, [], []
        doing = [self.come(newcomers), self.wait_in_line(), self.come_back(), self.shop()]
        doing += [self.tick() for _ in range(3)] + [self.sweep()]
        self.dice.shuffle(doing)
        await asyncio.gather(*doing)
        steady = [g.visitor for g in self.guests if not g.was_silent]
        return {"present": self.present, "seated": self.seated, "steady": steady}

    async def tick(self) -> None:
        await self.room.admit(self.dice.choice([3, 50, 1_000]), now_ms=self.now_ms)

    async def sweep(self) -> None:
        await self.room.sweep(now_ms=self.now_ms)

    async def come(self, newcomers: list[str]) -> None:
        guests = [Guest(visitor) for visitor in newcomers]
        await self.enter(guests)
        self.guests += guests

    async def enter(self, guests: list[Guest]) -> None:
        visits = [(guest.visitor, guest.place) for guest in guests]
        standings = await self.room.enter_many(visits, now_ms=self.now_ms)
        for guest, standing in zip(guests, standings, strict=True):
            self.take(guest, standing)

    def take(self, guest: Guest, standing: Standing) -> None:
        # A spent ticket, or one too old, makes somebody new.
        guest.visitor, guest.place = standing.visitor, standing.place
        if standing.state == "seated":
            guest.where, guest.deadline_ms = "seat", standing.deadline_ms
            self.seated.append((guest.visitor, guest.place))
            if self.dice.random() < NEVER_COME:
                guest.where = "gone"
        else:
            self.present.append((guest.visitor, guest.place))

    async def wait_in_line(self) -> None:
        here = {}
        for guest in [g for g in self.guests if g.where == "line" and not g.silent_rounds]:
            luck = self.dice.random()
            if luck < LEAVE_LINE:
                guest.where = "gone"
                await self.room.leave(guest.visitor, now_ms=self.now_ms)
            elif luck < LEAVE_LINE + FALL_SILENT:
                guest.silent_rounds, guest.was_silent = self.dice.randint(2, 9), True
            else:
                here[guest.visitor] = guest
        unknown = await self.room.beat(list(here), now_ms=self.now_ms)
        known = set(here) - set(unknown)
        self.present += [(visitor, here[visitor].place) for visitor in known]
        await self.enter([here[visitor] for visitor in unknown])

    async def come_back(self) -> None:
        back = []
        for guest in self.guests:
            if guest.where == "line" and guest.silent_rounds:
                guest.silent_rounds -= 1
                if not guest.silent_rounds:
                    back.append(guest)
        await self.enter(back)

    async def shop(self) -> None:
        renewing = []
        for guest in [g for g in self.guests if g.where == "seat"]:
            luck = self.dice.random()
            if luck < LEAVE_SITE:
                guest.where = "gone"
                await self.room.leave(guest.visitor, now_ms=self.now_ms)
            elif luck < LEAVE_SITE + STOP_RENEWING:
                guest.where = "gone"
            else:
                renewing.append(guest)
        shown = [(guest.visitor, guest.deadline_ms) for guest in renewing]
        for guest, deadline_ms in zip(
            renewing, await self.room.renew(shown, now_ms=self.now_ms), strict=True
        ):
            guest.deadline_ms = deadline_ms
            if not deadline_ms:
                guest.where = "gone"


async def main(url: str, index: str) -> None:
    """Go from round to round until the test says that it is over."""
    store = Store.connect(url)
    crowd = Crowd(await Directory(store).get("shop"), random.Random(int(index)))
    # Its own connection: it waits longer than any answer of the engine may take.
    link = Store.connect(url).redis
    await link.rpush("crowd:done", json.dumps({"ready": index}))
    while (found := await link.blpop([f"crowd:go:{index}"], timeout=1)) is None or found[1] != b"":
        if found is not None:
            report = await crowd.round(**json.loads(found[1]))
            await link.rpush("crowd:done", json.dumps(report))
    await link.aclose()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
