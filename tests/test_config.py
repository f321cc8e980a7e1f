import re
from pathlib import Path

import pytest

from waitroom.config import Config, load_config
from waitroom.errors import ConfigError

KEY = "k" * 32


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_config()
    detail = refused.value.detail
    assert "\n" not in detail
    return detail


def test_without_any_setting_the_defaults_hold() -> None:
    config = load_config()
    assert (config.port, config.demo_port, config.environment) == (8000, 8080, "development")
    assert config.redis_url is None
    assert config.signing_keys() == []


def test_the_environment_wins_over_the_file_and_options_over_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("WAITROOM_PORT=1111\nWAITROOM_TICK_MS=100\nOTHER=1\n")
    assert load_config().port == 1111
    monkeypatch.setenv("WAITROOM_PORT", "2222")
    assert load_config().port == 2222
    found = load_config(port=3333, demo_port=None)
    assert (found.port, found.demo_port, found.tick_ms) == (3333, 8080, 100)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAITROOM_PORT", "65536"),
        ("WAITROOM_PORT", "eighty"),
        ("WAITROOM_TICK_MS", "49"),
        ("WAITROOM_TICK_MS", "1001"),
        ("WAITROOM_SESSION_DURATION_S", "9"),
        ("WAITROOM_TOTAL_ACTIVE_USERS", "-1"),
        ("WAITROOM_ENVIRONMENT", "staging"),
        ("WAITROOM_SERVER", "gunicorn"),
        ("WAITROOM_WEB_PROCESSES", "0"),
        ("WAITROOM_WEB_PROCESSES", "65"),
        ("WAITROOM_DRAIN_S", "-1"),
        ("WAITROOM_DRAIN_S", "601"),
        ("WAITROOM_LOG_LEVEL", "loud"),
        ("WAITROOM_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert refusal(monkeypatch, name, value).startswith(f"{name}={value}: ")


def test_the_line_says_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "65535" in refusal(monkeypatch, "WAITROOM_PORT", "70000")
    monkeypatch.delenv("WAITROOM_PORT")
    assert "production" in refusal(monkeypatch, "WAITROOM_ENVIRONMENT", "prod")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAITROOM_SECRET_KEYS", "too-short-hunter2"),
        ("WAITROOM_SECRET_KEYS", f"{KEY},too-short-hunter2"),
        ("WAITROOM_EDGE_TOKEN", "too-short-hunter2"),
        ("WAITROOM_REDIS_URL", "http://:hunter2@host"),
        ("WAITROOM_RQ_REDIS_URL", "http://:hunter2@host"),
    ],
)
def test_a_refused_secret_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    detail = refusal(monkeypatch, name, value)
    assert detail.startswith(f"{name}=(hidden): ")
    assert "hunter2" not in detail


def test_secrets_are_hidden_in_the_representation() -> None:
    config = Config(_env_file=None, secret_keys=(KEY,), edge_token="e" * 32)
    assert KEY not in repr(config) + str(config.model_dump())
    assert "e" * 32 not in repr(config)


def test_several_keys_come_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAITROOM_SECRET_KEYS", f"{'a' * 32}, {'b' * 32},")
    assert load_config().signing_keys() == ["a" * 32, "b" * 32]


def test_a_misspelt_setting_is_refused_with_the_right_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WAITROOM_REDIS", "redis://host")
    with pytest.raises(ConfigError, match=re.escape("did you mean WAITROOM_REDIS_URL?")):
        load_config()


def test_a_misspelt_setting_in_the_file_is_refused_too() -> None:
    Path(".env").write_text("WAITROOM_PROT=80\n")
    with pytest.raises(ConfigError, match="WAITROOM_PROT is not a setting"):
        load_config()


def test_an_empty_address_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAITROOM_REDIS_URL", "")
    monkeypatch.setenv("WAITROOM_EDGE_TOKEN", "")
    config = load_config()
    assert config.redis_url is None
    assert config.edge_token is None


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config(_env_file=None).port = 1  # type: ignore[misc]


def test_rooms_on_a_cluster_need_another_redis_for_the_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detail = refusal(monkeypatch, "WAITROOM_REDIS_URL", "redis+cluster://:tops3cret@a:1,b:2")
    assert detail.startswith("WAITROOM_RQ_REDIS_URL=") and "tops3cret" not in detail
    monkeypatch.setenv("WAITROOM_RQ_REDIS_URL", "redis+sentinel://:tops3cret@a:1/jobs")
    assert load_config().rq_redis_url == "redis+sentinel://:tops3cret@a:1/jobs"
    assert "tops3cret" not in refusal(
        monkeypatch, "WAITROOM_RQ_REDIS_URL", "redis+cluster://:tops3cret@a:1"
    )


def test_an_address_that_cannot_be_right_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    detail = refusal(monkeypatch, "WAITROOM_REDIS_URL", "redis+sentinel://:tops3cret@a:1")
    assert "name of the master" in detail and "tops3cret" not in detail
