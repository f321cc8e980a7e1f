"""Ends a child of `waitroom up` whose parent is gone, killed before it could stop its children."""

import os
import signal
import threading
import time
from functools import partial

LOOK_EVERY_S = 0.5
#: A child that does not end by itself has this long, beside the time for its sockets, seconds.
GRACE_S = 8.0


def follow_parent(parent: int, drain_s: float = 0.0) -> None:
    """End this process soon after its parent has ended.

    Args:
        parent: The parent's process id.
        drain_s: How long this process spreads the end of its sockets, seconds.
    """
    follow = partial(_follow, parent, drain_s + GRACE_S)
    threading.Thread(target=follow, name="follow-parent", daemon=True).start()


def _follow(parent: int, grace_s: float) -> None:
    me = os.getpid()
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os.kill(me, signal.SIGTERM)
    time.sleep(grace_s)
    os.kill(me, signal.SIGKILL)
