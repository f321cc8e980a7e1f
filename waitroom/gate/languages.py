"""Which language of the splash page a visitor is shown; pinned by ``tests/vectors/languages.json``.

An edge chooses it before it asks, so that the page can be kept once per language instead of once
per spelling of ``Accept-Language``; the service chooses the same for those who come to it.
"""

from collections.abc import Sequence

from waitroom.gate.visit import QUALITY

#: Shown when nothing that the visitor reads is offered.
DEFAULT = "en"


def negotiated(shown: str, offered: Sequence[str], default: str = DEFAULT) -> str:
    """Return the offered language that a visitor wants most.

    Args:
        shown: ``Accept-Language`` as received; untrusted.
        offered: The languages there are, in any case.
        default: Returned when none is wanted.
    """
    spelled = {name.lower(): name for name in offered}
    best, best_weight = default, 0.0
    for part in shown.lower().split(","):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        weight = _weight(parameters)
        if weight > best_weight:
            found = spelled.get(tag) or spelled.get(tag.partition("-")[0])
            if found is not None:
                best, best_weight = found, weight
    return best


def _weight(parameters: list[str]) -> float:
    for text in parameters:
        if text.startswith("q="):
            found = QUALITY.fullmatch(text)
            return float(found[1]) if found else 0.0
    return 1.0
