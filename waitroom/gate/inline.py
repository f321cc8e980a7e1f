"""The splash page at the visitor's own address, for rooms with ``delivery`` ``inline``."""

from waitroom.gate.decide import Splash
from waitroom.gate.keeping import Page
from waitroom.gate.replies import Reply
from waitroom.gate.rooms import EdgeRoom

_RETURNED = frozenset(
    "content-type content-language content-security-policy referrer-policy "
    "x-content-type-options".split()
)


def inline_reply(page: Page, splash: Splash, room: EdgeRoom) -> Reply:
    """Return the splash page for one visitor.

    Args:
        page: The page of the room, the same for everybody of one language.
        splash: The decision.
        room: The room.
    """
    # The page takes the room from its address, which is not its own here; nor is its query.
    unsent = "data-unsent " if splash.location.endswith("&unsent=1") else ""
    named = page.body.replace(b"<html ", f'<html data-room="{room.name}" {unsent}'.encode(), 1)
    # Without JavaScript the page leads to its personal form, which has its own address.
    personal = splash.location.replace("&", "&amp;") + "&amp;nojs=1"
    body = named.replace(b"?nojs=1", personal.encode())
    headers = [pair for pair in page.headers if pair[0] in _RETURNED]
    return Reply(room.queueing_status_code, (*headers, ("cache-control", "no-store")), body)
