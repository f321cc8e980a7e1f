"""What the web process costs a request, against a bare application under the same server.

Ours and the bare one are asked in turns, the same way, over kept-alive connections. The figure is
requests per second of the server's own CPU: a process has one core at most, so that is what it
answers when it has one to itself, and it does not depend on how much of this machine the load
generator and Redis leave over. Requests per second of the clock stand behind it.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

from loadtest.bench.http_stand import KEY, ROOM, Server, ask, bare, valkey, web
from loadtest.bench.rows import Row, at_least
from waitroom import clock
from waitroom.embedded import Valkey
from waitroom.identity import ticket_cookie_name
from waitroom.tokens import Ticket, Tokens
from waitroom.web.servers.choice import SERVERS

#: The least share of a bare answer's speed that `enter` should have.
ENTER_SHARE = 0.6
#: Those who come with a ticket.
VISITORS = 200
ENTER, STATUS = f"/__waitroom/{ROOM}/enter", f"/__waitroom/{ROOM}/status"
BOARD, SPLASH = f"/__waitroom/{ROOM}/board", f"/__waitroom/{ROOM}?return_to=%2F"
#: As the splash page's script asks.
BROWSER = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.9",
    "Origin": "http://127.0.0.1",
    "Referer": f"http://127.0.0.1{SPLASH}",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}


def measure(small: bool) -> list[Row]:
    """Return the rows of HTTP: the target under Hypercorn, then what each server answers.

    Args:
        small: A quick look, under Hypercorn only.
    """
    rounds, seconds = (3, 1) if small else (5, 2)
    rows: list[Row] = []
    enters: dict[str, float] = {}
    for server in ["hypercorn"] if small else SERVERS:
        with valkey() as redis:
            new = _against_bare(redis, server, ENTER, "POST", [BROWSER], rounds, seconds)
            enters[server] = median(new[0].cpu_rates)
            name = f"POST enter, new visitors, {server}"
            target = ENTER_SHARE if server == "hypercorn" else 0.0
            rows.append(_ratio(name, target, *new))
            if server == "hypercorn":
                rows += _with_tickets(redis, rounds, seconds)
            if not small:
                rows += _as_they_are(redis, server, enters, rounds)
    return rows


def _with_tickets(redis: Valkey, rounds: int, seconds: int) -> list[Row]:
    visitors = [_with_ticket() for _ in range(VISITORS)]
    again = _against_bare(redis, "hypercorn", ENTER, "POST", visitors, rounds, seconds)
    polls = _against_bare(redis, "hypercorn", STATUS, "GET", visitors, rounds, seconds)
    return [
        _ratio("POST enter, with a ticket, hypercorn", 0.0, *again),
        _ratio("GET status, with a ticket, hypercorn", 0.0, *polls),
    ]


def _as_they_are(redis: Valkey, server: str, enters: dict[str, float], rounds: int) -> list[Row]:
    rows = []
    ratio = enters[server] / enters["hypercorn"]
    value = f"{ratio:.1f} x hypercorn ({enters[server]:,.0f} a CPU second)"
    rows.append(Row(f"POST enter, {server}", "", value, True, figure=ratio))
    with web(redis, server) as ours:
        for path, what in ((BOARD, "GET board"), (SPLASH, "GET splash page")):
            ours.forget()
            for _ in range(rounds):
                ours.measure(path, [BROWSER], method="GET", seconds=1)
            rate = median(ours.cpu_rates)
            about = f"{rate:,.0f} a CPU second ({median(ours.rates):,.0f}/s here)"
            rows.append(Row(f"{what}, {server}", "", about, True, figure=rate))
    return rows


def _against_bare(
    redis: Valkey,
    server: str,
    path: str,
    method: str,
    visitors: Sequence[dict[str, str]],
    rounds: int,
    seconds: int,
) -> tuple[Server, Server]:
    """Return ours and the bare application, measured in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(web(redis, server))
        floor = stack.enter_context(bare(server, ask(ours, path, visitors[0], method)))
        for number in range(rounds + 1):
            # Whoever comes first may find a cooler machine; the first round only warms up.
            for each in (ours, floor) if number % 2 else (floor, ours):
                each.measure(path, visitors, method=method, seconds=seconds if number else 1)
                if number == 0:
                    each.forget()
        return ours, floor


def _ratio(name: str, least: float, ours: Server, floor: Server) -> Row:
    shares = [a / b for a, b in zip(ours.cpu_rates, floor.cpu_rates, strict=True)]
    about = (
        f"{median(ours.cpu_rates):,.0f} of {median(floor.cpu_rates):,.0f} a CPU second; "
        f"here {median(ours.rates):,.0f} of {median(floor.rates):,.0f}/s"
    )
    if least:
        return at_least(f"{name}, of a bare answer", least, median(shares), about)
    share = median(shares)
    return Row(f"{name}, of a bare answer", "", f"{share:.2f} ({about})", True, figure=share)


def _with_ticket() -> dict[str, str]:
    ticket = Ticket(ROOM, clock.new_visitor(), clock.now_us())
    token = Tokens([KEY]).sign_ticket(ticket)
    cookie = f"theme=dark; consent=yes; {ticket_cookie_name(ROOM)}={token}; basket=3"
    return BROWSER | {"Cookie": cookie}
