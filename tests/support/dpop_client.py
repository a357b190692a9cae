"""A small DPoP client for the sandbox's own tests: httpx and joserfc, nothing of the SDK, whose mistakes it must not share."""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
import time
import uuid
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
from joserfc import jws
from joserfc.jwk import ECKey

CLIENT_ID = "org.example.vpn"
ACR_EMAIL = "urn:rocketvpn:acr:email-code"


def b64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def new_device_id() -> str:
    return b32encode(secrets.token_bytes(32)).decode().rstrip("=")


def public(key: ECKey) -> dict[str, Any]:
    return {name: value for name, value in key.as_dict(private=False).items() if name in ("kty", "crv", "x", "y")}


def sign(key: ECKey, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    protected = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(key)} | (header or {})
    return jws.serialize_compact(protected, json.dumps(claims), key, algorithms=["ES256"])


class Peer:
    """One device: a key, an id, tokens, and a connection that trusts the sandbox's CA alone."""

    def __init__(self, url: str, ca_file: Path, *, now: Callable[[], float] = time.time) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca_file)
        self.url = url
        self.http = httpx.Client(base_url=url, verify=context, trust_env=False, timeout=10)
        self.key = ECKey.generate_key("P-256")
        self.device_id = new_device_id()
        self.now = now
        self.nonce: str | None = None
        self.access_token: str | None = None
        self.refresh_token: str | None = None

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    # ------------------------------------------------------------ proofs

    def claims(self, method: str, path: str, body: bytes = b"", token: str | None = None) -> dict[str, Any]:
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": self.url + path.partition("?")[0],
            "iat": int(self.now()),
        }
        if self.nonce:
            claims["nonce"] = self.nonce
        if token:
            claims["ath"] = b64url(hashlib.sha256(token.encode()).digest())
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            claims["content_sha256"] = b64url(hashlib.sha256(body).digest())
        return claims

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        token: str | None = None,
        proof: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request, with a fresh proof unless one is given; learns the nonce, and does not repeat."""
        sent = dict(headers or {})
        sent["DPoP"] = proof if proof is not None else sign(self.key, self.claims(method, path, body, token))
        if token:
            sent["Authorization"] = f"DPoP {token}"
        answer = self.http.request(method, path, content=body, headers=sent)
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        return answer

    def fresh_nonce(self) -> str:
        """Ask for a nonce, as any client does: by a request without one."""
        self.nonce = None
        self.send("POST", "/v1/token", headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert self.nonce
        return self.nonce

    # ------------------------------------------------------------ OAuth

    def form(self, path: str, **fields: str) -> httpx.Response:
        body = str(httpx.QueryParams({"client_id": CLIENT_ID} | fields)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.send("POST", path, body=body, headers=headers)
        if answer.status_code == 400 and answer.json().get("error") == "use_dpop_nonce":
            answer = self.send("POST", path, body=body, headers=headers)
        return answer

    def challenge(self, **fields: str) -> httpx.Response:
        return self.form("/v1/authorize-challenge", response_type="code", **fields)

    def ask_to_bind(self, order: str, **fields: str) -> httpx.Response:
        return self.challenge(order_number=order, device_id=self.device_id, **fields)

    def redeem(self, code: str) -> httpx.Response:
        return self.form("/v1/token", grant_type="authorization_code", code=code)

    def refresh(self, token: str | None = None) -> httpx.Response:
        return self.form("/v1/token", grant_type="refresh_token", refresh_token=token or self.refresh_token or "-")

    def bind(self, order: str, **fields: str) -> Peer:
        """Bind where no code is asked for."""
        answer = self.ask_to_bind(order, **fields)
        assert answer.status_code == 200, answer.text
        tokens = self.redeem(answer.json()["authorization_code"])
        assert tokens.status_code == 200, tokens.text
        self.access_token, self.refresh_token = tokens.json()["access_token"], tokens.json()["refresh_token"]
        return self

    def step_up(self, code: Callable[[], str], max_age: int = 300) -> str:
        """Return an access token that says that a code was entered."""
        asked = self.challenge(device_id=self.device_id, acr_values=ACR_EMAIL, max_age=str(max_age)).json()
        assert asked["error"] == "insufficient_authorization", asked
        granted = self.challenge(auth_session=asked["auth_session"], verification_code=code())
        tokens = self.redeem(granted.json()["authorization_code"])
        assert tokens.status_code == 200, tokens.text
        token: str = tokens.json()["access_token"]
        return token

    # ------------------------------------------------------------ resources

    def call(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        token: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Call a resource as a well-behaved client does."""
        body = b"" if json_body is None else json.dumps(json_body).encode()
        sent = {"Content-Type": "application/json"} if body else {}
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            sent["Idempotency-Key"] = f'"{key or uuid.uuid4()}"'
        sent |= headers or {}
        token = token or self.access_token
        answer = self.send(method, path, body=body, token=token, headers=sent)
        if answer.status_code == 401 and "use_dpop_nonce" in answer.headers.get("WWW-Authenticate", ""):
            answer = self.send(method, path, body=body, token=token, headers=sent)
        return answer

    def patch(self, changes: dict[str, Any], etag: str | None = None, **more: Any) -> httpx.Response:
        etag = etag or self.call("GET", "/v1/data").headers["ETag"]
        headers = {"Content-Type": "application/merge-patch+json", "If-Match": etag}
        return self.call("PATCH", "/v1/data", json_body=changes, headers=headers, **more)

    def ask_deletion(self, scope: str, **more: Any) -> httpx.Response:
        body = {"exercise": "deletion", "scope": scope}
        return self.call("POST", "/v1/data-rights-requests", json_body=body, **more)


def problem_code(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    return str(answer.json()["type"]).rpartition("/")[2]
