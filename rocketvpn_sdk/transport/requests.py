"""A request as plain values: what a caller wants to send, how it is encoded, and who may sign it."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol
from urllib.parse import quote, urlencode

import httpx
import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import ConfigurationError, ValueRefused
from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.policy import Operation
from rocketvpn_sdk.policy.members import PARAMETER
from rocketvpn_sdk.transport.connections import HttpReply
from rocketvpn_sdk.transport.headers import SEALED
from rocketvpn_sdk.transport.hosts import canonical
from rocketvpn_sdk.transport.receiving import Receiver

_json = msgspec.json.Encoder().encode


class Signer(Protocol):
    """Says who is calling, in headers, and learns from the answers."""

    def headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """Return the headers for one try, with a fresh proof."""
        ...

    def learn(self, reply: HttpReply) -> None:
        """Look at every answer (for its nonce)."""
        ...

    def recover(self, reply: HttpReply) -> bool:
        """Return whether, after this answer, something changed that makes another try worthwhile."""
        ...


class Unsigned:
    """Of identity ``none``: no token, no key, nothing learned."""

    def headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:  # noqa: ARG002 - a Signer
        """Return none."""
        return {}

    def learn(self, reply: HttpReply) -> None:
        """Learn nothing: a nonce from here, shown later with a token, would name the sender."""

    def recover(self, reply: HttpReply) -> bool:  # noqa: ARG002 - a Signer
        """Return false."""
        return False


class ApiCall(SecretStruct, frozen=True, kw_only=True):
    """What a caller wants to send."""

    __masked__: ClassVar[tuple[str, ...]] = ("members", "parameters", "headers", "path", "idempotency_key", "into")

    operation: str
    members: Mapping[str, Any] | None = None
    """The body's; ``None``: no body."""
    parameters: Mapping[str, str] = {}
    """The path's."""
    media: str = wire.JSON
    accept: str = wire.JSON
    headers: Mapping[str, str] = {}
    path: str | None = None
    """In place of the policy's, where the server's metadata says so; on the same origin."""
    idempotency_key: str | None = None
    at_most: int | None = None
    """The longest answer to take, in bytes; ``None``: ``Limits.max_response_bytes``, which refusals always have."""
    into: Receiver | None = None
    """What takes the answer's body where that is a file; it gives the call more time as long as enough of it comes."""
    server: str | None = None
    """The origin to ask in place of the usual one; the guard holds its host against the recipient's."""


def parse_server(server: str) -> str:
    """Return the origin ``https://host[:port]`` of ``server``.

    Raises:
        ConfigurationError: it is none, or not HTTPS.
    """
    try:
        url = httpx.URL(server)
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL("")
    if url.scheme != "https" or not url.host:
        raise ConfigurationError(problem="server must be an https:// URL")
    if url.userinfo or url.query or url.fragment or url.path not in ("", "/"):
        raise ConfigurationError(problem="server must be an origin: no user, path, query or fragment")
    return f"https://{canonical(url.netloc.decode('ascii'))}"


def fill_path(operation: Operation, parameters: Mapping[str, str]) -> str:
    """Return the path of ``operation`` with its ``parameters`` filled in.

    Raises:
        ValueRefused: one is missing.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            raise ValueRefused(name=match[1], problem=f"{operation.id!r} needs it")
        return quote(parameters[match[1]], safe="")

    return PARAMETER.sub(value, operation.path)


def encode(members: Mapping[str, Any] | None, media: str) -> bytes:
    """Return the body that carries ``members``; empty for none."""
    if members is None:
        return b""
    if media == wire.FORM:
        return urlencode({name: str(value) for name, value in members.items()}).encode()
    if media == wire.OHTTP_REQUEST:
        return urlsafe_b64decode(members[SEALED] + "==")
    return _json(members)
