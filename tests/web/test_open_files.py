"""A web process has room for as many connections as the system allows."""

import resource
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Processes
from waitroom.web.open_files import allow_many


def test_the_limit_of_open_files_becomes_the_largest_one_that_is_allowed() -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, most), most))
        assert allow_many() == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


def test_a_web_process_asks_for_it(
    processes: Processes, free_port: Callable[[], int], until: Callable[..., None]
) -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, most), most))
    try:
        child = processes.start("web", WAITROOM_PORT=str(free_port()))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
    until(lambda: "web_starting" in processes.output(child))
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    asked_for, allowed = line.split()[3:5]
    assert asked_for == allowed
