"""The end of processes that tests and load tests have started."""

import subprocess


def await_end(child: "subprocess.Popen[bytes] | subprocess.Popen[str]", patience_s: float) -> None:
    """Wait for a child that was told to end, and kill it when it does not.

    Args:
        child: Ours.
        patience_s: How long to wait before that, seconds.
    """
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
