"""Every operation of docs/openapi.yaml as a request that is well formed, whoever sends it.

A new operation is walked by itself: with the victim's names in its path, and an empty object as its body until a line
in ``BODIES`` says better.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx

from support.contract import load
from support.dpop_client import CLIENT_ID, Peer

_METHODS = ("get", "post", "put", "patch", "delete")
_FORM = "application/x-www-form-urlencoded"
Names = Mapping[str, str]
"""What the victim has, by name: each parameter of a path, and what bodies are made of."""


class Operation(NamedTuple):
    """A method and a path with its parameters, as the contract writes it."""

    method: str
    path: str
    open: bool
    """Whether it asks for no access token."""

    @property
    def names_something(self) -> bool:
        """Whether its path names something of somebody."""
        return re.search(r"{\w+_id}", self.path) is not None

    def filled(self, names: Names) -> str:
        """Return the path with the victim's names; one name can mean different things on different paths."""

        def name(found: re.Match[str]) -> str:
            return names.get(self.path[: found.end()]) or names.get(found[1]) or names["device_id"]

        return re.sub(r"{(\w+)}", name, self.path)


def operations() -> list[Operation]:
    """Return every operation of the contract."""
    document = load()
    return [
        Operation(method.upper(), path, "accessToken" not in str(item[method].get("security", document["security"])))
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]


REPORT = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "erasure_handle", "value": {"stringValue": "0" * 32}}]},
            "scopeLogs": [{"logRecords": [{"timeUnixNano": "1796058000000000000", "eventName": "app.crashed"}]}],
        }
    ]
}
BODIES: dict[tuple[str, str], Callable[[Names], Any]] = {
    ("PATCH", "/v1/data"): lambda names: {"language": "en"},
    ("POST", "/v1/data-rights-requests"): lambda names: {"exercise": "deletion", "scope": names["scope"]},
    ("POST", "/v1/owner/data-rights-requests"): lambda names: {"exercise": "deletion", "scope": names["scope"]},
    ("POST", "/v1/erasure-tickets"): lambda names: {"ticket_id": uuid.uuid4().hex * 2, "scope": "device"},
    ("POST", "/v1/recovery-codes"): lambda names: {"fingerprint": uuid.uuid4().hex * 2},
    ("POST", "/v1/logs"): lambda names: REPORT,
    ("POST", "/v1/logs/erasures"): lambda names: {"erasure_handle": uuid.uuid4().hex},
    ("POST", "/v1/surveys/{survey_id}/responses"): lambda names: {
        "erasure_handle": uuid.uuid4().hex,
        "answers": [{"question": "speed", "choice": "fast"}],
    },
    ("POST", "/v1/erasures"): lambda names: {"ticket": "A" * 40},
    ("PUT", "/v1/consents/{purpose}"): lambda names: {
        "record_id": str(uuid.uuid4()),
        "state": "denied",
        "policy_version": int(names["policy_version"]),
        "policy_sha256": names["policy_sha256"],
        "at": "2026-11-28T10:00:00Z",
    },
    ("POST", "/v1/guardian-requests"): lambda names: {
        "contact": "guardian@example.org",
        "about": "agreement",
        "language": "en",
        "policy_version": int(names["policy_version"]),
        "policy_sha256": names["policy_sha256"],
    },
    ("POST", "/v1/guardian-requests/{request_id}/confirm"): lambda names: {"code": names["guardian_code"]},
    ("POST", "/v1/tunnels"): lambda names: {"public_key": "A" * 43 + "="},
}
FORMS: dict[tuple[str, str], list[Callable[[Names], dict[str, str]]]] = {
    ("POST", "/v1/authorize-challenge"): [
        lambda names: {
            "response_type": "code",
            "auth_session": names["auth_session"],
            "verification_code": names["verification_code"],
        },
        lambda names: {
            "response_type": "code",
            "device_id": names["device_id"],
            "acr_values": "urn:rocketvpn:acr:email-code",
        },
        lambda names: {
            "response_type": "code",
            "auth_session": names["auth_session"],
            "recovery_code": names["recovery_code"],
        },
        lambda names: {
            "response_type": "code",
            "device_id": names["device_id"],
            "acr_values": "urn:rocketvpn:acr:address",
        },
        lambda names: {
            "response_type": "code",
            "auth_session": names["address_session"],
            "verification_code": names["address_code"],
        },
    ],
    ("POST", "/v1/token"): [
        lambda names: {"grant_type": "authorization_code", "code": names["code"]},
        lambda names: {"grant_type": "refresh_token", "refresh_token": names["refresh_token"]},
    ],
}


def send(peer: Peer, operation: Operation, names: Names, token: str | None) -> list[httpx.Response]:
    """Send ``operation`` about what ``names`` says, in each form it has, signed by the key of ``peer``."""
    method, path, key = operation.method, operation.filled(names), (operation.method, operation.path)
    if key in FORMS:
        return [_form(peer, path, form(names)) for form in FORMS[key]]
    body = BODIES.get(key, lambda names: {})(names) if method in ("POST", "PUT", "PATCH") else None
    headers = {}
    if method == "PATCH":
        headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    if token is not None:
        return [peer.call(method, path, json_body=body, token=token, headers=headers)]
    return [peer.http.request(method, path, json=body, headers=headers | {"Idempotency-Key": f'"{uuid.uuid4()}"'})]


def _form(peer: Peer, path: str, fields: dict[str, str]) -> httpx.Response:
    body = str(httpx.QueryParams({"client_id": CLIENT_ID} | fields)).encode()
    headers = {"Content-Type": _FORM, "Idempotency-Key": f'"{uuid.uuid4()}"'}
    answer = peer.send("POST", path, body=body, headers=headers)
    if answer.status_code == 400 and answer.json().get("error") == "use_dpop_nonce":
        answer = peer.send("POST", path, body=body, headers=headers)
    return answer
