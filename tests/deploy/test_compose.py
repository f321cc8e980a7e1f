"""The compose file: its schema, and that it fits the application."""

import re
import subprocess
import sys

import pytest

from tests.deploy.files import DEPLOY, compose, image_settings, seconds
from tests.examples.helpers import find_server
from waitroom.cli.main import cli
from waitroom.config import PREFIX, Config
from waitroom.web.serve import GRACEFUL_S

OURS = {"web-1": "web", "web-2": "web", "worker": "worker", "clock": "clock"}
REPORTS = "WAITROOM_REPORTS_DIR"
#: A worker and a clock end within this, seconds; see `jobs/worker.py`.
JOBS_END_S = 10


def test_the_schema_of_compose_finds_nothing_wrong() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, DEPLOY / "compose.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", OURS)
def test_each_of_ours_runs_its_command_with_settings_that_are_good(name: str) -> None:
    service = compose()["services"][name]
    assert service["command"] == [OURS[name]] and OURS[name] in cli.commands
    # A child's environment replaces the one it merges; what it needs has to be in its own.
    named = image_settings() | service["environment"]
    found = {key.removeprefix(PREFIX).lower(): value for key, value in named.items()}
    assert set(found) <= set(Config.model_fields)
    assert Config(_env_file=None, **found).redis_url
    assert service["env_file"] == ".env"


@pytest.mark.parametrize("name", ["web-1", "web-2"])
def test_a_web_process_has_time_to_end_its_sockets(name: str) -> None:
    service = compose()["services"][name]
    drain_s = int(service["environment"]["WAITROOM_DRAIN_S"])
    assert seconds(service["stop_grace_period"]) >= drain_s + GRACEFUL_S + 5


@pytest.mark.parametrize("name", ["worker", "clock"])
def test_worker_and_clock_have_time_to_end(name: str) -> None:
    assert seconds(compose()["services"][name]["stop_grace_period"]) >= JOBS_END_S


@pytest.mark.parametrize("name", compose()["services"])
def test_nothing_is_writable_privileged_or_of_no_fixed_version(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert re.search(r":\d", service["image"])


def test_the_store_is_out_of_reach_and_keeps_its_data() -> None:
    found = compose()
    valkey = found["services"]["valkey"]
    assert "ports" not in valkey and valkey["networks"] == ["store"]
    assert found["networks"]["store"]["internal"] is True
    options = dict(zip(valkey["command"][1::2], valkey["command"][2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert valkey["volumes"] == [f"places:{options['--dir']}"]


def test_who_makes_and_who_shows_a_report_share_its_folder() -> None:
    found = compose()
    for name in ("web-1", "web-2", "worker"):
        assert found["services"][name]["volumes"] == [f"reports:{image_settings()[REPORTS]}"]
    assert "reports" in found["volumes"]


def test_who_mails_and_calls_webhooks_can_reach_them() -> None:
    found = compose()
    for name in ("web-1", "web-2", "worker"):
        joined = found["services"][name]["networks"]
        assert any(not (found["networks"][each] or {}).get("internal") for each in joined)


def test_the_proxy_is_the_only_one_with_a_port_and_not_on_all_addresses_by_itself() -> None:
    services = compose()["services"]
    assert [name for name in services if "ports" in services[name]] == ["proxy"]
    for port in services["proxy"]["ports"]:
        assert re.fullmatch(r"\$\{(HTTPS?|CONSOLE)_BIND:-127\.0\.0\.1:\d+\}:(80|81|443)", port)


def test_the_proxy_knows_every_web_process_and_waits_for_it() -> None:
    web = [name for name, command in OURS.items() if command == "web"]
    assert list(compose()["services"]["proxy"]["depends_on"]) == web
    port = image_settings()["WAITROOM_PORT"]
    text = (DEPLOY / "Caddyfile").read_text()
    assert f"\tto {' '.join(f'{name}:{port}' for name in web)}\n" in text


def test_caddy_takes_its_configuration() -> None:
    command = [find_server("caddy"), "validate", "--adapter", "caddyfile", "--config"]
    subprocess.run([*command, DEPLOY / "Caddyfile"], check=True, capture_output=True)
