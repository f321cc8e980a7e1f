"""Locust's side of a visitor: one visit after the other, or one alone, in a greenlet."""

import logging
import random
from typing import Any, ClassVar

import gevent
from locust import User, task

from loadtest.visit import Visit
from loadtest.world import World

log = logging.getLogger("loadtest")


class Visitor(User):
    """One place for a visitor, in Locust's count."""

    abstract = False
    #: Set before the run begins.
    world: ClassVar[World]

    @task
    def visit(self) -> None:
        """Make one visit."""
        # Locust starts everybody of one second at once.
        gevent.sleep(random.random())
        try:
            Visit(self.world).run()
        except Exception:
            log.exception("a visitor broke off")
            self.world.measures.count("defects")
        if not self.world.plan.again:
            # Were it to end, Locust would send somebody new.
            gevent.get_hub().switch()

    def context(self) -> dict[str, Any]:
        """Return nothing: our own measures say more."""
        return {}
