"""Tickets, passes and an edge's word to the origin: signed, compact, verifiable with the key.

A token is ``base64url(fields joined by ".") + "." + base64url(HMAC-SHA256)`` without padding:
itsdangerous' ``Signer`` with ``key_derivation="hmac"``, so a worker verifies it with WebCrypto
(derived key = HMAC(secret, salt), signature = HMAC(derived key, everything before the last
dot)). The salt keeps a ticket from passing as a pass. ``tests/vectors/tokens.json`` pins the
format for every implementation.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode
from itsdangerous.exc import BadData

from waitroom.errors import (
    ConfigError,
    TokenExpiredError,
    TokenForgedError,
    TokenMalformedError,
)

#: Longest token looked at, in characters; ours stay under 180.
MAX_TOKEN_LENGTH = 256
#: Shortest signing key, characters.
MIN_KEY_LENGTH = 32
#: Holder of passes to a room that lets everybody through: good at edges, worth no seat.
NOBODY = "-" * 22
#: How far two hosts' clocks may differ, in milliseconds.
CLOCK_SKEW_MS = 5_000
TICKET_SALT = "waitroom.ticket"
PASS_SALT = "waitroom.pass"  # noqa: S105 - a salt, not a secret
ORIGIN_SALT = "waitroom.origin"

#: Largest number that JavaScript holds exactly; larger ones are refused by every implementation.
MAX_NUMBER = 2**53 - 1

# Decoders skip foreign characters and unused bits of the last one, so without this shape one
# token would have many spellings. 32 bytes are 43 characters, the last holding 4 bits.
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_VISITOR = re.compile(r"[A-Za-z0-9_-]{22}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A visitor's place in a room's line. One visitor id has one place for ever."""

    room: str
    visitor: str
    #: Microseconds since the epoch; lower is earlier.
    place: int


@dataclass(frozen=True, slots=True)
class Pass:
    """A visitor's seat on the site."""

    room: str
    visitor: str
    #: When the seat ends, milliseconds since the epoch.
    deadline_ms: int
    #: The room's epoch when the pass was signed; a later one ends it.
    epoch: int


@dataclass(frozen=True, slots=True)
class OriginProof:
    """An edge's word to the origin that a request came through it."""

    #: Until when it counts, milliseconds since the epoch.
    deadline_ms: int


class Tokens:
    """Signs and verifies tickets and passes with a list of keys.

    Args:
        secret_keys: Oldest first; the last one signs, all verify. Each at least 32 characters.

    Raises:
        ConfigError: If there is no key, or one is too short.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        if isinstance(secret_keys, str):
            # A sequence too, of one character each.
            raise ConfigError("the signing keys have to be a list; split them at the commas")
        keys = list(secret_keys)
        if not keys:
            raise ConfigError("at least one signing key is needed")
        if min(map(len, keys)) < MIN_KEY_LENGTH:
            raise ConfigError(f"each signing key needs at least {MIN_KEY_LENGTH} characters")
        self._tickets = _signer(keys, TICKET_SALT)
        self._passes = _signer(keys, PASS_SALT)
        self._origin = _signer(keys, ORIGIN_SALT)

    def sign_ticket(self, ticket: Ticket) -> str:
        """Return the ticket as a token."""
        return _sign(self._tickets, f"{ticket.room}.{ticket.visitor}.{ticket.place}")

    def sign_pass(self, granted: Pass) -> str:
        """Return the pass as a token."""
        return _sign(
            self._passes,
            f"{granted.room}.{granted.visitor}.{granted.deadline_ms}.{granted.epoch}",
        )

    def sign_origin(self, proof: OriginProof) -> str:
        """Return an edge's word to the origin as a token."""
        return _sign(self._origin, str(proof.deadline_ms))

    def read_ticket(self, token: str, room: str) -> Ticket:
        """Verify a ticket shown for a room.

        Args:
            token: What the visitor showed, untrusted.
            room: The room it must be for.

        Returns:
            The ticket.

        Raises:
            TokenMalformedError: If it is not a token's shape.
            TokenForgedError: If the signature or the room is wrong.
        """
        named, visitor, place = _fields(self._tickets, token, 3)
        _check_room(named, room)
        return Ticket(room, _visitor(visitor), _number(place))

    def read_pass(
        self, token: str, room: str, *, epoch: int, now_ms: int, grace_ms: int = 0
    ) -> Pass:
        """Verify a pass shown for a room.

        Args:
            token: What the visitor showed, untrusted.
            room: The room it must be for.
            epoch: The room's epoch, as this process last heard. A pass of a later epoch counts:
                the room has moved on and this process is about to hear of it.
            now_ms: Milliseconds since the epoch; ``CLOCK_SKEW_MS`` is allowed.
            grace_ms: Accept one that ran out this long ago, to look for its seat; such a pass
                opens nothing.

        Returns:
            The pass.

        Raises:
            TokenMalformedError: If it is not a token's shape.
            TokenForgedError: If the signature or the room is wrong.
            TokenExpiredError: If its seat has run out or its epoch was ended.
        """
        named, visitor, deadline, pass_epoch = _fields(self._passes, token, 4)
        _check_room(named, room)
        found = Pass(room, _visitor(visitor), _number(deadline), _number(pass_epoch))
        if found.deadline_ms + CLOCK_SKEW_MS + grace_ms <= now_ms:
            raise TokenExpiredError("the seat has run out")
        if found.epoch < epoch:
            raise TokenExpiredError("the epoch was ended")
        return found

    def read_origin(self, token: str, *, now_ms: int) -> OriginProof:
        """Verify an edge's word that a request came through it.

        Args:
            token: The header's value, untrusted.
            now_ms: Milliseconds since the epoch; ``CLOCK_SKEW_MS`` is allowed.

        Returns:
            The proof.

        Raises:
            TokenMalformedError: If it is not a token's shape.
            TokenForgedError: If the signature is wrong.
            TokenExpiredError: If its time is over.
        """
        (deadline,) = _fields(self._origin, token, 1)
        found = OriginProof(_number(deadline))
        if found.deadline_ms + CLOCK_SKEW_MS <= now_ms:
            raise TokenExpiredError("the proof has run out")
        return found


def _signer(keys: list[str], salt: str) -> Signer:
    # itsdangerous' own defaults are SHA-1 and "django-concat"; neither is wanted. It would derive
    # the key again for every token, so that is done here, once.
    derived = [
        Signer(key, salt=salt, key_derivation="hmac", digest_method=sha256).derive_key()
        for key in keys
    ]
    return Signer(derived, key_derivation="none", digest_method=sha256)


def _sign(signer: Signer, payload: str) -> str:
    return signer.sign(base64_encode(payload)).decode("ascii")


def _fields(signer: Signer, token: str, count: int) -> list[str]:
    if len(token) > MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        raise TokenMalformedError("not the shape of a token")
    try:
        payload = signer.unsign(token)
    except BadSignature as e:
        raise TokenForgedError("wrong signature") from e
    try:
        fields = base64_decode(payload).decode("ascii").split(".")
    except (BadData, UnicodeDecodeError) as e:
        raise TokenMalformedError("not base64url") from e
    if len(fields) != count:
        raise TokenMalformedError("wrong number of fields")
    return fields


def _check_room(named: str, room: str) -> None:
    if named != room:
        raise TokenForgedError("it belongs to another room")


def _visitor(text: str) -> str:
    if not _VISITOR.fullmatch(text):
        raise TokenMalformedError("not a visitor")
    return text


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_NUMBER:
        raise TokenMalformedError("not a number")
    return int(text)
