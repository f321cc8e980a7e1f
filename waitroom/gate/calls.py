"""The ways in which a call to the service can fail, and how its answer is read."""

import aiohttp
import orjson

from waitroom.errors import RoomNotFoundError, ServiceError

#: Longest answer read, bytes.
ANSWER_MAX = 4 * 1024 * 1024
#: Longest line of an answer's head, bytes: more than any address that the service takes.
LINE_MAX = 64 * 1024


class UnreachableError(ServiceError):
    """No connection, or no answer in time; as opposed to an answer that says no."""


class RefusedError(ServiceError):
    """The service wants something else; asking the same again is of no use."""


class DeletedError(ServiceError):
    """The service knows no such room."""


def refusal(verb: str, status: int, answer: bytes) -> ServiceError:
    """Return what an answer other than 200 means.

    Args:
        verb: What was asked of the edge API.
        status: The answer's status.
        answer: The answer's body.
    """
    message = f"{verb} answered {status}"
    if status == 404:
        # Anybody between here and the service may say 404; the service names what is missing.
        return DeletedError(message) if _names_no_room(answer) else ServiceError(message)
    return RefusedError(message) if 400 <= status < 500 else ServiceError(message)


async def read_limited(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return a body.

    Raises:
        ServiceError: If it is longer than ``limit`` bytes.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ServiceError("the answer is too long")
    return bytes(body)


def _names_no_room(answer: bytes) -> bool:
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and found.get("error") == RoomNotFoundError.code
