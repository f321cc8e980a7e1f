"""What a webhook's address may lead to: nothing that only this host can reach."""

import asyncio
import socket
import ssl
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.conftest import Receiver
from waitroom.alerts import reach
from waitroom.alerts.errors import DeliveryError
from waitroom.alerts.reach import may_reach, post

ALLOWED = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",  # metadata of Alibaba Cloud
        "169.254.169.254",  # metadata of most clouds
        "168.63.129.16",  # host agent of Azure
        "192.0.0.192",  # metadata of Oracle Cloud, once
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:53aa:64c:0:fbff:f5ff:fffe",
        "fc00::1",
        "fd00:ec2::254",  # metadata of AWS
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_a_private_address_is_refused(address: str) -> None:
    assert not may_reach(ip_address(address), ())


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_reached(address: str) -> None:
    assert may_reach(ip_address(address), ())


def test_a_private_one_is_reached_if_it_is_named_and_nothing_beside_it() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    for address in ("10.1.255.255", "::ffff:10.1.0.1", "fd00::1"):
        assert may_reach(ip_address(address), allowed)
    for address in ("10.2.0.1", "127.0.0.1", "fe80::1", "::ffff:10.2.0.1"):
        assert not may_reach(ip_address(address), allowed)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",
        "0x7f.1",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "8.8.8.8@127.0.0.1",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ],
)
async def test_no_spelling_of_this_host_gets_through(host: str, receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    for scheme in ("http", "https"):
        with pytest.raises(DeliveryError):
            await post(f"{scheme}://{host}:{port}/hook", b"{}", {})
    assert receiver.got == []


async def test_a_name_that_answers_differently_the_second_time_gains_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    asked: list[str] = []

    def rebinding(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        # Public whenever somebody only looks; the loopback when it counts.
        asked.append(host)
        address = "8.8.8.8" if len(asked) % 2 == 0 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with pytest.raises(DeliveryError, match="private address") as refused:
        await post(f"http://rebind.test:{port}/", b"{}", {})
    assert refused.value.permanent and asked == ["rebind.test"] and receiver.got == []


async def test_of_several_addresses_only_those_that_may_be_reached_are(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in ("127.0.0.2", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    tried: list[str] = []

    def spy(address: Any, allowed: Any) -> bool:
        tried.append(str(address))
        return may_reach(address, allowed)

    monkeypatch.setattr(reach, "may_reach", spy)
    # Both lead to the receiver; the first one is not allowed.
    await post(f"http://both.test:{port}/", b"{}", {}, allowed=(ip_network("127.0.0.1/32"),))
    assert tried == ["127.0.0.2", "127.0.0.1"]
    [(headers, _)] = receiver.got
    assert headers["Host"] == f"both.test:{port}"


async def test_in_clear_only_allowed_networks_are_reached(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "may_reach", lambda *_: True)
    with pytest.raises(DeliveryError, match="https:// only"):
        await post(receiver.url, b"{}", {})
    assert receiver.got == []
    await post(receiver.url, b"{}", {}, allowed=ALLOWED)
    assert len(receiver.got) == 1


async def test_proxies_of_the_environment_are_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await post(receiver.url, b"{}", {}, allowed=ALLOWED)
    assert len(receiver.got) == 1


async def test_host_and_tls_go_by_the_name_though_the_address_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, names = _certificate(tmp_path), list[str | None]()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))],
    )
    url = f"https://hooks.test:{port}/a"
    with pytest.raises(DeliveryError, match="certificate that is not valid"):
        await post(url, b"{}", {}, allowed=ALLOWED)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    await post(url, b"{}", {}, allowed=ALLOWED)
    assert names == ["hooks.test"] * 2
    assert f"Host: hooks.test:{port}\r\n".encode() in requests[0]
    server.close()
    await server.wait_closed()


async def test_a_name_that_leads_nowhere_and_a_closed_port_are_said(receiver: Receiver) -> None:
    with pytest.raises(DeliveryError, match="leads nowhere"):
        await post("https://nobody.invalid/secret-path", b"{}", {})
    with pytest.raises(DeliveryError, match="cannot be connected to") as refused:
        await post("http://127.0.0.1:1/secret-path", b"{}", {}, allowed=ALLOWED)
    assert "secret-path" not in refused.value.detail and not refused.value.permanent


def _certificate(folder: Path) -> ssl.SSLContext:
    key, certificate = str(folder / "key.pem"), str(folder / "cert.pem")
    command: tuple[str, ...] = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    )
    command += ("-nodes", "-days", "2", "-subj", "/CN=hooks.test")
    command += ("-addext", "subjectAltName=DNS:hooks.test", "-keyout", key, "-out", certificate)
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
