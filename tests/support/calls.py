"""Calls without a whole client: against an answering machine, for the corners that no real server has, or a server."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import respx

from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.events import EventBus, Notification
from rocketvpn_sdk.identity import CREDENTIALS, Credentials, DeviceKey
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import Policy, State, bundled_policy
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.transport import Api, SentEntry, open_api, tls_context
from support.memory_vault import MemoryDocuments, MemoryStream
from support.world import PATIENT

SERVER = "https://api.rocketvpn.example"
DEVICE_ID = "A" * 52
ORDER = "RV-2026-0001"
APP = "org.example.vpn"
PROBLEM = "application/problem+json"
METADATA: dict[str, Any] = {
    "issuer": SERVER,
    "authorization_challenge_endpoint": f"{SERVER}/v1/authorize-challenge",
    "token_endpoint": f"{SERVER}/v1/token",
    "jwks_uri": f"{SERVER}/v1/keys",
    "dpop_signing_alg_values_supported": ["ES256"],
}


class TurnableClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def token_answer(value: str = "access-token-1", **more: Any) -> dict[str, Any]:
    return {"access_token": value, "token_type": "DPoP", "expires_in": 900, **more}


def problem(status: int, code: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
    body = {"type": f"{SERVER}/problems/{code}", "title": "t", "status": status, **more}
    return httpx.Response(status, headers={"Content-Type": PROBLEM, **(headers or {})}, content=json.dumps(body))


def challenged(error: str, **parameters: str) -> httpx.Response:
    extra = "".join(f', {name}="{value}"' for name, value in parameters.items())
    headers = {"WWW-Authenticate": f'DPoP error="{error}"{extra}', "DPoP-Nonce": "nonce-2"}
    return problem(401, error.replace("_", "-"), headers=headers)


def api_at(
    url: str,
    context: ssl.SSLContext,
    *,
    clock: Clock | None = None,
    documents: MemoryDocuments | None = None,
    limits: Limits = PATIENT,
    **more: Any,
) -> Api:
    """Return calls to the server at ``url``, which is declared to be the operator's, from an empty vault in memory."""
    policy = bundled_policy().with_hosts("operator", (httpx.URL(url).host,))
    clock = clock or TurnableClock()
    return open_api(
        server=url,
        client_id=APP,
        permit=Permit(lambda: PolicyState(policy), State, clock.time),
        documents=documents or MemoryDocuments(),
        stream=MemoryStream(clock.time),
        events=EventBus(),
        clock=clock,
        limits=limits,
        context=context,
        **more,
    )


class Line:
    """Everything around one ``Api``: its answering machine, vault, clock, events and state."""

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        limits: Limits | None = None,
        authenticator: Callable[..., str | None] | None = None,
        bound: bool = True,
    ) -> None:
        self.router = respx.MockRouter(base_url=SERVER, assert_all_called=False)
        self.clock = TurnableClock()
        self.documents = MemoryDocuments()
        self.stream = MemoryStream(self.clock.time)
        self.events = EventBus()
        self.heard: list[Notification] = []
        self.events.subscribe(Notification, self.heard.append)
        self.state = State(adult=True)
        self.policy = policy or bundled_policy()
        self.key = DeviceKey.generate()
        if bound:
            self.documents.put(CREDENTIALS, self.credentials())
        self.api: Api = open_api(
            server=SERVER,
            client_id=APP,
            permit=Permit(lambda: PolicyState(self.policy), lambda: self.state, self.clock.time),
            documents=self.documents,
            stream=self.stream,
            events=self.events,
            clock=self.clock,
            limits=limits or Limits(),
            context=tls_context(),
            authenticator=authenticator,
            transport=httpx.MockTransport(self.router.handler),
        )
        self.metadata = self.router.get("/.well-known/oauth-authorization-server").respond(json=METADATA)
        self.token = self.router.post("/v1/token").respond(json=token_answer())

    def credentials(self, refresh_token: str = "refresh-token-1") -> Credentials:
        return Credentials(
            device_id=DEVICE_ID, private_key=self.key.to_bytes(), refresh_token=refresh_token, client_id=APP
        )

    def sent(self, operation: str) -> list[SentEntry]:
        return [entry for entry in self.api.sent.entries() if entry.operation == operation]

    def requests(self) -> list[httpx.Request]:
        return [call.request for call in self.router.calls]
