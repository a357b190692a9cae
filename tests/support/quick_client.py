"""A DPoP client that costs as little as a client can, for load: asyncio, ``cryptography``, and HTTP/1.1 by hand.

It reads the answers of this one server, which have a Content-Length, and no others.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import ssl
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from support.dpop_client import CLIENT_ID, b64url, new_device_id

_TRIES = 5


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """A connection that is kept open, and opened again where it was closed."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._port, self._context = port, context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send ``request`` and return its answer.

        Raises:
            ConnectionError: there is none; whether the request arrived is not known.
        """
        await self.send(request)
        try:
            return await self._read()
        except (asyncio.IncompleteReadError, ssl.SSLError) as error:
            self.close()
            raise ConnectionResetError from error

    async def send(self, request: bytes) -> None:
        if self._streams is None:
            opened = asyncio.open_connection("127.0.0.1", self._port, ssl=self._context, server_hostname="localhost")
            self._streams = await opened
        self._streams[1].write(request)

    async def _read(self) -> Answer:
        assert self._streams is not None
        reader = self._streams[0]
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(head[0].split(" ")[1]), headers, body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


class Device:
    """A device, with a connection to each server process."""

    def __init__(self, base: str, connections: Sequence[Connection]) -> None:
        self.base, self.connections = base, connections
        self.device_id = new_device_id()
        self.token = ""
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        jwk = {"crv": "P-256", "kty": "EC"}
        jwk |= {"x": b64url(numbers.x.to_bytes(32, "big")), "y": b64url(numbers.y.to_bytes(32, "big"))}
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
        self._header = b64url(json.dumps(header).encode())
        self._nonce = ""

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        """Return the bytes of a request, with a proof of its own."""
        claims = {
            "jti": secrets.token_urlsafe(12),
            "htm": method,
            "htu": self.base + path,
            "iat": int(time.time()),
            "content_sha256": b64url(hashlib.sha256(body).digest()),
        }
        sent = {"Host": "localhost", "Content-Length": str(len(body))} | (headers or {})
        if self._nonce:
            claims["nonce"] = self._nonce
        if self.token:
            claims["ath"] = b64url(hashlib.sha256(self.token.encode()).digest())
            sent["Authorization"] = f"DPoP {self.token}"
        sent["DPoP"] = self._sign(claims)
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    async def call(
        self, number: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Call process ``number``; again, if it wants a fresh nonce, or closed the connection that was idle."""
        for _ in range(_TRIES):
            try:
                answer = await self.connections[number].ask(self.request(method, path, body, headers))
            except ConnectionError:
                continue
            if not self.learn(answer):
                return answer
        raise AssertionError(f"{method} {path} was never answered")

    def learn(self, answer: Answer) -> bool:
        """Keep the nonce that came; return whether the request has to be made again with it."""
        self._nonce = answer.headers.get("dpop-nonce", self._nonce)
        return (
            answer.status in (400, 401)
            and b"use_dpop_nonce" in answer.body + answer.headers.get("www-authenticate", "").encode()
        )

    async def bind(self, order: str) -> None:
        form = {"response_type": "code", "order_number": order, "device_id": self.device_id}
        code = (await self._form("/v1/authorize-challenge", form))["authorization_code"]
        answer = await self._form("/v1/token", {"grant_type": "authorization_code", "code": code})
        self.token = answer["access_token"]

    async def _form(self, path: str, fields: dict[str, str]) -> dict[str, str]:
        body = "&".join(f"{name}={value}" for name, value in {"client_id": CLIENT_ID, **fields}.items()).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.call(0, "POST", path, body, headers)
        assert answer.status == 200, answer
        return msgspec.json.decode(answer.body, type=dict[str, Any])

    def _sign(self, claims: dict[str, Any]) -> str:
        signed = f"{self._header}.{b64url(json.dumps(claims).encode())}"
        r, s = utils.decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
