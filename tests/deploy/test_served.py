"""What the manifests ask a web process for is what a real one answers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.conftest import Processes
from tests.deploy.files import DEPLOY, container, final_stage, of_kind
from waitroom.config import PREFIX, Config

Until = Callable[..., None]


def told_to_ask() -> list[str]:
    """Return every path that a probe or Prometheus asks."""
    found = container("waitroom-web")
    kinds = ("startupProbe", "livenessProbe", "readinessProbe")
    template = of_kind("Deployment")["waitroom-web"]["spec"]["template"]
    scraped = template["metadata"]["annotations"]["prometheus.io/path"]
    return [*(found[kind]["httpGet"]["path"] for kind in kinds), scraped]


def health_check(port: int) -> int:
    """Run the image's own health check and return its exit code."""
    _, _, command = final_stage()["HEALTHCHECK"].partition("CMD ")
    python, *arguments = json.loads(command)
    assert python == "python"
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"WAITROOM_PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    return done.returncode


def answer(port: int, path: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as found:
        return str(found.read().decode())


def answers(port: int, path: str) -> bool:
    try:
        return bool(answer(port, path))
    except OSError:
        return False


def metrics_named() -> set[str]:
    """Return every metric that README.md tells operators to watch."""
    text = (DEPLOY / "README.md").read_text()
    return set(re.findall(r"\b(?:waitroom|process)_[a-z_]+", text))


def test_probes_health_check_and_autoscaler_find_what_they_ask_for(
    processes: Processes, free_port: Callable[[], int], until: Until
) -> None:
    port = free_port()
    assert health_check(port) != 0
    child = processes.start("web", WAITROOM_PORT=str(port))
    until(lambda: all(answers(port, path) for path in told_to_ask()))
    assert health_check(port) == 0
    pods = of_kind("HorizontalPodAutoscaler")["waitroom-web"]["spec"]["metrics"][0]["pods"]
    page = answer(port, "/metrics")
    assert re.search(rf"(?m)^{pods['metric']['name']} 0\.0$", page)
    known = set(re.findall(r"(?m)^# HELP (\w+)", page))
    assert len(metrics_named()) > 5 and metrics_named() <= known
    assert processes.stop(child, timeout_s=30) == 0


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and path.suffix != ".lock"],
    ids=lambda path: path.name,
)
def test_every_setting_that_is_named_is_one(path: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Config.model_fields}
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]+[A-Z]\b", path.read_text())) <= known
