"""Where a visitor goes after the wait: a path on this host, whatever the address says."""

import pytest

from waitroom.errors import ReturnToError
from waitroom.return_to import MAX_LENGTH, checked_return_to


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_named_means_the_front_page(text: str | None) -> None:
    assert checked_return_to(text) == "/"


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/tickets?day=1&name=A%20B#seat",
        "/a//b",
        "/caf\u00e9",
        "/%2F%2Fevil.example",
        "/search?q=../../x&back=//evil.example",
        "/.well-known/x",
        "/a..b/...",
        "/__waitroom-fair",
        "/" + "a" * (MAX_LENGTH - 1),
    ],
)
def test_a_path_on_this_host_is_kept_as_it_is(text: str) -> None:
    assert checked_return_to(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/",
        "HTTPS:/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "evil.example/path",
        "?x=1",
        "#x",
        ".",
        "../x",
        "%2Ftickets",
    ],
)
def test_anything_but_a_path_is_refused(text: str) -> None:
    with pytest.raises(ReturnToError):
        checked_return_to(text)


@pytest.mark.parametrize(
    "text",
    [
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/path\\..\\x",
        # Browsers drop tabs and line ends before they read an address.
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ok\r\nSet-Cookie: a=b",
        "/a b",
        "/\x00",
        "/\x7f",
        "/\x85",
        "/\x9f",
        # Browsers remove dot segments, the encoded ones too.
        "/./evil.example",
        "/..//evil.example",
        "/x/..//evil.example",
        "/.//evil.example",
        "/%2e%2E//evil.example",
        "/x/%2e/y",
        "/x/.%2e",
    ],
)
def test_what_browsers_may_read_as_another_host_is_refused(text: str) -> None:
    with pytest.raises(ReturnToError):
        checked_return_to(text)


@pytest.mark.parametrize(
    "text",
    ["/__waitroom/", "/__waitroom", "/__waitroom/shop/go", "/__waitroom?x=1", "/__waitroom#x"],
)
def test_the_way_back_into_the_waiting_room_is_refused(text: str) -> None:
    with pytest.raises(ReturnToError):
        checked_return_to(text)


def test_an_endless_path_is_refused() -> None:
    with pytest.raises(ReturnToError) as raised:
        checked_return_to("/" + "a" * MAX_LENGTH)
    assert (raised.value.code, raised.value.status) == ("bad_return_to", 400)
