import pytest

from loadtest.guard import TargetError, check_target


@pytest.mark.parametrize(
    "site", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080", "http://127.9.9.9"]
)
def test_this_machine_may_be_tested(site: str) -> None:
    check_target(site, [], [])


@pytest.mark.parametrize(
    "site",
    ["https://shop.example", "http://10.0.0.1", "http://127.0.0.1.example", "http://0.0.0.0"],
)
def test_another_machine_has_to_be_named_twice(site: str) -> None:
    with pytest.raises(TargetError, match="--i-own-this-site"):
        check_target(site, [], [])
    check_target(site, [], [site])


def test_the_host_alone_will_do() -> None:
    check_target("https://shop.example/start", [], ["shop.example"])


def test_one_name_does_not_vouch_for_another() -> None:
    with pytest.raises(TargetError):
        check_target("https://shop.example", [], ["example"])
    with pytest.raises(TargetError):
        check_target("https://shop.example", ["https://queue.example"], ["shop.example"])


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(TargetError, match="http"):
        check_target("127.0.0.1:8080", [], [])
