"""Ends a child of `waitroom up` whose parent is gone, killed before it could stop its children."""

import os
import signal
import threading
import time

LOOK_EVERY_S = 0.5
#: A child that does not end by itself has this long, seconds.
GRACE_S = 8.0


def follow_parent(parent: int) -> None:
    """End this process soon after its parent has ended.

    Args:
        parent: The parent's process id.
    """
    threading.Thread(target=_follow, args=(parent,), name="follow-parent", daemon=True).start()


def _follow(parent: int) -> None:
    me = os.getpid()
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os.kill(me, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.kill(me, signal.SIGKILL)
