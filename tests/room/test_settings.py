from typing import Any, get_args

import orjson
import pytest

from waitroom.errors import SettingError
from waitroom.room import RoomSettings
from waitroom.room.settings import parse_assignments, room_name

#: Setting -> what is just allowed, what is just not.
RANGES: dict[str, tuple[list[Any], list[Any]]] = {
    "title": (
        [
            "",
            "x" * 120,
            "a\nb",
            "\u0645\u06cc\u200c\u0631\u0648\u062f",
            "\U0001f469\u200d\U0001f4bb",
        ],
        ["x" * 121, "a\tb", "\x00", "a\u202eb", "a\u202db", "\u200b\u2060", " \u00a0", "\u3164", 5],
    ),
    "total_active_users": ([0, 10_000_000], [-1, 10_000_001, 1.5, "many", None]),
    "new_users_per_minute": ([None, 1, 10_000_000], [0, -1, 10_000_001]),
    "session_duration_s": ([10, 86_400], [9, 86_401]),
    "disable_session_renewal": ([True, False], [2, "maybe", None]),
    "claim_ttl_s": ([10, 3_600], [9, 3_601]),
    "heartbeat_ttl_s": ([30, 3_600], [29, 3_601]),
    "place_ttl_s": ([60, 86_400], [59, 86_401]),
    "recovery_hold_s": ([0, 600], [-1, 601]),
    "queue_all": ([True, False], ["perhaps"]),
    "suspended": ([True, False], [None]),
    "closed": ([True, False], [3]),
    "draining": ([True, False], ["slowly"]),
    "delivery": (["redirect", "inline"], ["", "Inline"]),
    "queueing_status_code": ([200, 202, 429, 503], [404, "200"]),
    "second_connection": (["share", "refuse"], ["deny"]),
    "message": (
        [None, "", "x" * 500, "\u05e9\u05dc\u05d5\u05dd 5\n\u2067\u0645\u2069!", "\u2764\ufe0f"],
        ["x" * 501, "\x1b[31m", "\x85", "a\u2028b", "\u202egnp.exe", "\ufeff\n\u200d", "\ufe0f"],
    ),
    "epoch": ([0, 2_000_000_000], [-1, 2_000_000_001]),
    "keep_days": ([1, 31], [0, 32, None, 1.5]),
    "close_after_s": ([None, 60, 31 * 86_400], [59, 31 * 86_400 + 1, "soon"]),
    "report_to": (
        [[], ["ada@example.com"], ["ada@example.com"] * 8],
        [["ada@example.com"] * 9, ["ada"], ["ada@example.com\nBcc: eve@example.com"], "ada@a.b"],
    ),
    "theme": (["", "20261123131500-0123abcd"], ["x", "20261123131500-0123ABCD", "../a", None]),
    "when_unavailable": (
        [{"action": "open", "open_limit_s": 86_400}, {}, "open"],
        [{"action": "maybe"}, {"open_limit_s": 86_401}, {"more": 1}, "maybe"],
    ),
    "routes": (
        [[], [{"host": "*"}], [{"host": "Shop.example", "path": "/a"}], [{}] * 64],
        [
            [{}] * 65,
            [{"host": "a b"}],
            [{"host": "https://a"}],
            [{"host": "-a"}],
            [{"path": "a"}],
            [{"path": "//a"}],
            [{"path": "/a?b"}],
            [{"path": "/a\\b"}],
            [{"path": "/" + "a" * 512}],
            [{"port": 1}],
            [{"path": "/a*"}],
            [{"path": "/__waitroom"}],
        ],
    ),
    "bypass": (
        [
            [{"path": "/api", "methods": ["GET"]}],
            [{"network": "10.0.0.0/8"}],
            [{"path": "/a"}] * 64,
        ],
        [
            [{}],
            [{"path": "/a*"}],
            [{"methods": []}],
            [{"methods": ["get"]}],
            [{"value": "short"}],
            [{"network": "10.0.0.1/33"}],
            [{"header": "X-Upper"}],
            [{"path": "/a"}] * 65,
        ],
    ),
}


def test_every_setting_has_its_range_tested() -> None:
    assert set(RANGES) == set(RoomSettings.model_fields)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (good, _) in RANGES.items() for value in good]
)
def test_value_in_range_is_taken_and_survives_redis(name: str, value: Any) -> None:
    # Silence is noticed before it costs the place, whatever the one under test.
    beside = {"place_ttl_s": 86_400} if name == "heartbeat_ttl_s" else {}
    settings = RoomSettings().changed({name: value} | beside)
    fields = {field.encode(): text for field, text in settings.to_hash().items()}
    assert RoomSettings.from_hash(fields) == settings


def test_a_place_that_would_lapse_before_silence_is_noticed_is_refused() -> None:
    with pytest.raises(SettingError) as refused:
        RoomSettings().changed({"heartbeat_ttl_s": 700})
    assert (refused.value.name, refused.value.value) == ("place_ttl_s", 600)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (_, bad) in RANGES.items() for value in bad]
)
def test_value_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(SettingError) as refused:
        RoomSettings().changed({name: value})
    assert refused.value.name.split(".")[0] == name
    assert refused.value.allowed


def test_unknown_setting_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(SettingError, match="total_active_users"):
        RoomSettings().changed({"total_users": 5})


def test_limits_are_written_as_scripts_read_them() -> None:
    fields = RoomSettings(new_users_per_minute=60, queue_all=True).to_hash()
    assert fields["total_active_users"] == b"200"
    assert fields["new_users_per_minute"] == b"60"
    assert (fields["queue_all"], fields["closed"]) == (b"true", b"false")
    assert RoomSettings().to_hash()["new_users_per_minute"] == b"null"


def test_settings_of_another_version_are_read() -> None:
    settings = RoomSettings.from_hash({b"total_active_users": b"7", b"of_tomorrow": b"[1]"})
    assert settings == RoomSettings(total_active_users=7)


def test_a_room_with_words_of_before_the_rule_goes_on() -> None:
    settings = RoomSettings.from_hash({b"title": '"a\u202eb"'.encode()})
    assert settings.changed({"total_active_users": 7}).title == "a\u202eb"
    with pytest.raises(SettingError, match="turn the order of others around"):
        settings.changed({"title": "c\u202ed"})


@pytest.mark.parametrize("name", ["a", "0", "shop", "shop-2_b", "a" * 40])
def test_room_may_have_a_plain_name(name: str) -> None:
    assert room_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "ä", "a" * 41, "_a", "-a", "a b", "a\n", "a}", "../a", "assets", "api"]
)
def test_room_may_not_have_a_name_that_breaks_keys_or_paths(name: str) -> None:
    with pytest.raises(SettingError):
        room_name(name)


def test_assignments_are_read_as_json_or_as_text() -> None:
    pairs = ["total_active_users=2", "queue_all=true", "message=a=b", "new_users_per_minute=null"]
    assert parse_assignments(pairs) == {
        "total_active_users": 2,
        "queue_all": True,
        "message": "a=b",
        "new_users_per_minute": None,
    }


def test_a_list_that_is_no_json_is_said_to_be_none() -> None:
    with pytest.raises(SettingError, match="not valid JSON"):
        parse_assignments(['bypass=[{"path": "/x"}'])


def test_a_star_after_the_last_slash_means_what_owners_mean() -> None:
    paths = [{"path": "/shop/*"}, {"path": "/*"}]
    routes = RoomSettings().changed({"routes": paths}).routes
    assert [route.path for route in routes] == ["/shop/", "/"]


def test_a_field_that_a_rule_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(SettingError, match="path, methods, header, value, network"):
        RoomSettings().changed({"bypass": [{"address": "10.0.0.1"}]})


def test_rules_that_do_nothing_are_read_if_a_room_has_them() -> None:
    fields = {b"bypass": b"[{}]", b"routes": b'[{"path": "/__waitroom"}]'}
    assert len(RoomSettings.from_hash(fields).bypass) == 1


def test_title_that_looks_like_a_number_stays_text() -> None:
    assert parse_assignments(["title=2026", "message=null"]) == {"title": "2026", "message": None}


def test_assignment_without_equals_is_refused() -> None:
    with pytest.raises(SettingError):
        parse_assignments(["total_active_users"])


def test_defaults_are_those_of_the_design() -> None:
    settings = RoomSettings()
    given = orjson.loads(orjson.dumps(settings.model_dump(mode="json")))
    assert given | {} == {
        "title": "",
        "routes": [],
        "total_active_users": 200,
        "new_users_per_minute": None,
        "session_duration_s": 300,
        "disable_session_renewal": False,
        "claim_ttl_s": 120,
        "heartbeat_ttl_s": 45,
        "place_ttl_s": 600,
        "recovery_hold_s": 30,
        "queue_all": False,
        "suspended": False,
        "closed": False,
        "draining": False,
        "delivery": "redirect",
        "queueing_status_code": 200,
        "when_unavailable": {"action": "closed", "open_limit_s": 600},
        "bypass": [],
        "second_connection": "share",
        "message": None,
        "epoch": 0,
        "keep_days": 31,
        "close_after_s": None,
        "report_to": [],
        "theme": "",
    }


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValueError, match="frozen"):
        RoomSettings().total_active_users = 5  # type: ignore[misc]
    assert get_args(RoomSettings.model_fields["delivery"].annotation) == ("redirect", "inline")
