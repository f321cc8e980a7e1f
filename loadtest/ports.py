"""TCP ports of the loopback, for servers that tests and benchmarks start."""

import socket
from random import SystemRandom

#: Below those that a system gives to outgoing connections: one that was free stays free until it
#: is used, also after its server was killed, and beside other processes that do the same.
PORTS = range(12_000, 30_000)


def free_port() -> int:
    """Return a port that nobody uses."""
    while True:
        port = SystemRandom().choice(PORTS)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
