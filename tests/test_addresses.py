import pytest

from waitroom.addresses import read_address
from waitroom.errors import ConfigError

SECRET = "tops3cret"


def test_one_server_is_understood() -> None:
    found = read_address(f"redis://ada:{SECRET}@cache.example:6380/3?socket_timeout=4")
    assert (found.kind, found.nodes, found.tls) == ("server", (("cache.example", 6380),), False)
    assert found.options == {
        "username": "ada",
        "password": SECRET,
        "db": 3,
        "socket_timeout": 4.0,
    }


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis://", (("localhost", 6379),)),
        ("redis+cluster://a", (("a", 6379),)),
        ("redis+cluster://a:1,b,c:3", (("a", 1), ("b", 6379), ("c", 3))),
        ("redis+cluster://[::1]:7000,[::2]", (("::1", 7000), ("::2", 6379))),
        ("redis+sentinel://a,b:2/m", (("a", 26379), ("b", 2))),
    ],
)
def test_hosts_have_the_port_named_or_the_usual_one(
    url: str, nodes: tuple[tuple[str, int], ...]
) -> None:
    assert read_address(url).nodes == nodes


def test_a_cluster_has_one_login_for_all_nodes() -> None:
    found = read_address(f"rediss+cluster://:{SECRET}%40%2F@a:1,b:2")
    assert (found.kind, found.tls) == ("cluster", True)
    assert found.options == {"password": f"{SECRET}@/"}


def test_sentinels_name_the_master_and_may_have_a_login_of_their_own() -> None:
    found = read_address(
        f"rediss+sentinel://:{SECRET}@a:1/mymaster?db=2&sentinel_password=o%26ther"
        "&ssl_ca_certs=/ca.pem"
    )
    assert (found.kind, found.master, found.tls) == ("sentinel", "mymaster", True)
    assert found.options == {"password": SECRET, "db": 2, "ssl_ca_certs": "/ca.pem"}
    assert found.sentinel_options == {
        "ssl": True,
        "password": "o&ther",
        "ssl_ca_certs": "/ca.pem",
    }


def test_an_address_never_shows_its_password() -> None:
    found = read_address(f"redis+sentinel://:{SECRET}@a/m?sentinel_password={SECRET}")
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"http://:{SECRET}@a", "must start with"),
        (f"redis:{SECRET}@a", "must start with"),
        (f"redis://:{SECRET}@a,b", "several servers"),
        (f"redis://:{SECRET}@a?db={SECRET}", "option or a database"),
        (f"redis+cluster://:{SECRET}@", "lacks a host"),
        (f"redis+cluster://:{SECRET}@a,,b", "lacks a host"),
        (f"redis+cluster://:{SECRET}@a:0", "lacks a host"),
        (f"redis+cluster://:{SECRET}@a:65536", "port"),
        (f"redis+cluster://a:{SECRET}", "port"),
        (f"redis+cluster://[{SECRET}", "not an address"),
        (f"redis+cluster://:{SECRET}@a/2", "database"),
        (f"redis+cluster://:{SECRET}@a?db=2", "database"),
        # Passwords whose special characters were not written as %xx.
        (f"redis+cluster://:x/{SECRET}@a", "port"),
        (f"redis+cluster://:x?{SECRET}@a", "port"),
        (f"redis+cluster://:x#{SECRET}@a", "#"),
        (f"redis+sentinel://:{SECRET}@a", "name of the master"),
        (f"redis+sentinel://:{SECRET}@a/b/{SECRET}", "name of the master"),
    ],
)
def test_what_cannot_be_right_is_refused_without_a_part_of_it(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_address(url)
    assert says in refused.value.detail
    assert SECRET not in refused.value.detail and "\n" not in refused.value.detail
