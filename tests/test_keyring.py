from pathlib import Path

import pytest

from waitroom.config import Config
from waitroom.errors import ConfigError
from waitroom.keyring import FILE_NAME, with_secrets
from waitroom.tokens import MIN_KEY_LENGTH

KEY, TOKEN = "k" * 40, "t" * 40


def config(folder: Path, **settings: object) -> Config:
    return Config(_env_file=None, data_dir=folder / "data", **settings)  # type: ignore[arg-type]


def test_secrets_are_made_once_and_kept_for_the_owner_only(tmp_path: Path) -> None:
    made = with_secrets(config(tmp_path), create=True)
    assert len(made.signing_keys()[0]) >= MIN_KEY_LENGTH
    path = tmp_path / "data" / FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    for create in (True, False):
        again = with_secrets(config(tmp_path), create=create)
        assert again.signing_keys() == made.signing_keys()
        assert again.edge_token == made.edge_token


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    one = with_secrets(config(tmp_path / "one"), create=True)
    two = with_secrets(config(tmp_path / "two"), create=True)
    assert one.signing_keys() != two.signing_keys()
    assert one.edge_token != two.edge_token


def test_the_environment_wins_and_nothing_is_kept_then(tmp_path: Path) -> None:
    given = config(tmp_path, secret_keys=(KEY,), edge_token=TOKEN)
    assert with_secrets(given, create=True) is given
    assert not (tmp_path / "data").exists()


def test_what_the_environment_lacks_comes_from_the_folder(tmp_path: Path) -> None:
    made = with_secrets(config(tmp_path), create=True)
    found = with_secrets(config(tmp_path, secret_keys=(KEY,)), create=False)
    assert found.signing_keys() == [KEY]
    assert found.edge_token == made.edge_token


def test_only_up_makes_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"WAITROOM_SECRET_KEYS is not set: start `waitroom up`"):
        with_secrets(config(tmp_path), create=False)


@pytest.mark.parametrize("create", [True, False])
def test_production_takes_them_from_the_environment_only(tmp_path: Path, create: bool) -> None:
    with_secrets(config(tmp_path), create=True)
    live = config(tmp_path, environment="production")
    with pytest.raises(ConfigError, match="WAITROOM_SECRET_KEYS is not set; in production"):
        with_secrets(live, create=create)
    half = config(tmp_path, environment="production", secret_keys=(KEY,))
    with pytest.raises(ConfigError, match="WAITROOM_EDGE_TOKEN is not set; in production"):
        with_secrets(half, create=create)


def test_a_damaged_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "data" / FILE_NAME
    path.parent.mkdir()
    path.write_text("WAITROOM_SECRET_KEYS=\n")
    with pytest.raises(ConfigError, match="is damaged"):
        with_secrets(config(tmp_path), create=True)
    assert path.read_text() == "WAITROOM_SECRET_KEYS=\n"
