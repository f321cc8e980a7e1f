"""What each setting of a room means, for owners who have read nothing else.

One or two sentences each, with the consequence first. What a value would do to the room right now
is computed in ``effects.py``.
"""

from dataclasses import dataclass

from waitroom.accounts.who import Role
from waitroom.control.effects import BEAT_S
from waitroom.ranges import allowed
from waitroom.room import RoomSettings

#: What operators may change; everything else is the owner's.
OPERATORS = frozenset(
    (
        "total_active_users",
        "new_users_per_minute",
        "message",
        "queue_all",
        "closed",
        "draining",
        "suspended",
    )
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """One setting in words.

    Attributes:
        name: The setting's name, as the API and the command line know it.
        label: What the console calls it.
        text: What it does, for somebody who sees it for the first time.
        group: Under which heading it stands; one of ``GROUPS``.
        unit: What stands behind the field.
    """

    name: str
    label: str
    text: str
    group: str
    unit: str = ""

    @property
    def allowed(self) -> str:
        """The values that are accepted, as a phrase; empty if the field's shape says it."""
        return allowed(RoomSettings, self.name)

    @property
    def role(self) -> Role:
        """The least powerful role that may change it."""
        return "operator" if self.name in OPERATORS else "owner"


#: Headings of the settings page, in order.
GROUPS = (
    "How many",
    "How long",
    "Which pages",
    "Words",
    "At the edge",
    "Afterwards",
    "Emergency",
)

_TEXTS = (
    Meaning(
        "total_active_users",
        "On the site at once",
        "Seats. When all are taken, whoever comes next waits. Lowering it throws nobody out: "
        "nobody is let in until enough have left.",
        "How many",
        "visitors",
    ),
    Meaning(
        "new_users_per_minute",
        "Let in per minute",
        "The most that are let in, spread evenly over the minute. Empty means that only the seats "
        "limit it.",
        "How many",
        "visitors a minute",
    ),
    Meaning(
        "session_duration_s",
        "A seat lasts",
        "How long a visitor may be on the site without a request. Each request in its second half "
        "extends it by all of it.",
        "How long",
        "seconds",
    ),
    Meaning(
        "disable_session_renewal",
        "A seat ends whatever the visitor does",
        "Requests do not extend the seat: a visitor has exactly its length and then waits again. "
        "For short turns, such as a draw.",
        "How long",
    ),
    Meaning(
        "claim_ttl_s",
        "Time to come in",
        "How long a visitor who is let in has to come. After that the seat goes to the next one.",
        "How long",
        "seconds",
    ),
    Meaning(
        "heartbeat_ttl_s",
        "Silence before a visitor counts as away",
        f"Waiting pages report every {BEAT_S} s. Whoever is silent for longer holds up nobody and "
        "keeps the place.",
        "How long",
        "seconds",
    ),
    Meaning(
        "place_ttl_s",
        "A place is kept for",
        "Silence after which the place is lost. Phones that are locked fall silent, so be "
        "generous.",
        "How long",
        "seconds",
    ),
    Meaning(
        "recovery_hold_s",
        "Pause after a loss of data",
        "If Redis loses everything, visitors bring their places back by themselves. For so long "
        "nobody is let in, so that nobody is overtaken.",
        "How long",
        "seconds",
    ),
    Meaning(
        "routes",
        "Protected pages",
        "Hosts and paths in front of which this room stands, one a line. /shop covers /shop and "
        "all below it. The most specific room wins.",
        "Which pages",
    ),
    Meaning(
        "bypass",
        "Let through uncounted",
        "Requests that never wait: a health check, a payment's return. A rule applies when all "
        "that it names fits.",
        "Which pages",
    ),
    Meaning(
        "title",
        "Title",
        "Stands at the top of the splash page, such as the name of your show.",
        "Words",
    ),
    Meaning(
        "message",
        "Message to the line",
        "Shown to everybody who waits, within a second. Empty shows none.",
        "Words",
    ),
    Meaning(
        "theme",
        "Look of the splash page",
        "The version of the look that visitors see; empty is how all rooms look at first.",
        "Words",
    ),
    Meaning(
        "delivery",
        "How the splash page is shown",
        "redirect: visitors are sent to an address of the waiting room and back. inline: they see "
        "it at the address they opened; fewer steps.",
        "At the edge",
    ),
    Meaning(
        "queueing_status_code",
        "Status of the splash page",
        "What machines read: 200 for pages; 202, 429 or 503 keep search engines and caches from "
        "taking the splash page for yours.",
        "At the edge",
    ),
    Meaning(
        "when_unavailable",
        "If the waiting room cannot be reached",
        "What edges do with visitors who hold no pass: closed holds them, open lets them through "
        "for a limited time.",
        "At the edge",
    ),
    Meaning(
        "second_connection",
        "A second tab",
        "share: it shows the same place. refuse: it is told that the place is held in another tab.",
        "At the edge",
    ),
    Meaning(
        "queue_all",
        "Hold everybody",
        "Nobody is let in; places are kept and the site empties by itself.",
        "Emergency",
    ),
    Meaning(
        "closed",
        "Closed",
        "Newcomers are refused with the message. Those in line keep their place.",
        "Emergency",
    ),
    Meaning(
        "draining",
        "Drain",
        "Newcomers are refused with the message. Those in line are let in, in order, until nobody "
        "waits.",
        "Emergency",
    ),
    Meaning(
        "suspended",
        "Let everybody through",
        "The room steps aside: everybody goes straight to the site and nobody is counted.",
        "Emergency",
    ),
    Meaning(
        "epoch",
        "Generation of passes",
        "Raise it to end all passes at once: everybody on the site goes back to the line.",
        "Emergency",
    ),
    Meaning(
        "close_after_s",
        "Close by itself after",
        "So long after it was opened the room closes, and its report is made. Empty means never.",
        "Afterwards",
        "seconds",
    ),
    Meaning(
        "report_to",
        "Mail the report to",
        "Mail addresses that get the report when the room is closed, one a line.",
        "Afterwards",
    ),
    Meaning(
        "keep_days",
        "Keep visitors' data for",
        "Visits that are over are deleted so many days later, and what is known of single "
        "visitors so many days after the room was closed and its report made.",
        "Afterwards",
        "days",
    ),
)

#: Setting name -> what it means, in the order of the settings page.
MEANINGS: dict[str, Meaning] = {
    meaning.name: meaning
    for group in GROUPS
    for meaning in _TEXTS
    if meaning.group == group and meaning.name in RoomSettings.model_fields
}


def meaning(name: str) -> Meaning:
    """Return what a setting means; for one without a text, its name and its range."""
    return MEANINGS.get(name) or Meaning(name, name.replace("_", " "), "", GROUPS[-2])
