"""A room's visitors: look at them, let them in, take them out."""

from quart import Response, request

from waitroom.accounts.guard import who
from waitroom.api.asking import answer, body, control, no_content, query
from waitroom.api.blueprint import api, describe
from waitroom.api.models.rooms import AdmitNow, VisitorsQuery
from waitroom.api.problems import FieldError
from waitroom.control.line import ONCE_MAX
from waitroom.control.views import Admitted, VisitorPage, VisitorView

_ABOUT = "Visitors"
_ONCE = {
    "Idempotency-Key": "Names this request, 1 to 64 characters of your choice. Sent again under "
    "the same name after an uncertain answer, it lets nobody else in."
}


@api.get("/rooms/<name>/visitors")
@describe(_ABOUT, answers=VisitorPage, query=VisitorsQuery, refuses=(404,))
async def list_visitors(name: str) -> Response:
    """List visitors, page by page.

    Those in the line in order of place, those who fell silent, or those who have a seat.
    """
    shown = query(VisitorsQuery)
    found = await control().visitors(who(), name, of=shown.of, start=shown.start, count=shown.count)
    return answer(found)


@api.get("/rooms/<name>/visitors/<visitor>")
@describe(_ABOUT, answers=VisitorView, refuses=(404,))
async def find_visitor(name: str, visitor: str) -> Response:
    """Find one visitor.

    By id, or by a position in the line such as 12.
    """
    return answer(await control().visitor(who(), name, visitor))


@api.post("/rooms/<name>/visitors/<visitor>/let-in")
@describe(_ABOUT, answers=VisitorView, refuses=(404, 409))
async def let_in(name: str, visitor: str) -> Response:
    """Let one visitor in before all others.

    Also while the room is paused; never over the seats. Needs the role operator.
    """
    return answer(await control().let_in(who(), name, visitor))


@api.delete("/rooms/<name>/visitors/<visitor>")
@describe(_ABOUT, status=204, refuses=(404,))
async def remove_visitor(name: str, visitor: str) -> Response:
    """Take one visitor's place or seat away.

    A page that is still open gets a new place at the end of the line. A pass that is already in
    the browser holds until it ends, at most session_duration_s. Needs the role operator.
    """
    await control().remove(who(), name, visitor)
    return no_content()


@api.post("/rooms/<name>/admit")
@describe(_ABOUT, answers=Admitted, body=AdmitNow, headers=_ONCE, refuses=(404, 409))
async def admit_now(name: str) -> Response:
    """Let the first n visitors in now.

    Beside the rate limit and also while the room is paused; in order, only those who are
    present, never over the seats. Needs the role operator.
    """
    asked = await body(AdmitNow)
    once = request.headers.get("Idempotency-Key", "")
    if len(once) > ONCE_MAX:
        raise FieldError("Idempotency-Key", once, f"at most {ONCE_MAX} characters")
    return answer(await control().admit_now(who(), name, asked.n, once=once))
