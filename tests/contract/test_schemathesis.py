"""The sandbox against everything that docs/openapi.yaml allows, and much that it forbids; as a bound device, signed.

The long form: ``ROCKETVPN_SOAK=1 python -m pytest tests/contract/test_schemathesis.py --timeout=3600``
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from requests.auth import AuthBase
from schemathesis.checks import load_all_checks
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from support.contract import OPENAPI_FILE
from support.dpop_client import Peer, sign
from support.forms import form

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.settings import ServerSettings

pytest_plugins = "schemathesis.pytest.plugin"
load_all_checks()
SCHEMA = schemathesis.openapi.from_path(OPENAPI_FILE)
SCHEMA.config.generation.update(with_security_parameters=False)  # every request is signed, below
_REJECTED = SCHEMA.config.checks.negative_data_rejection
_REJECTED.expected_statuses = [*_REJECTED.expected_statuses, "412"]  # If-Match comes before the body
OAUTH = ("/v1/authorize-challenge", "/v1/token")


@schemathesis.deserializer(wire.JSON)
def _read(_: Any, response: schemathesis.Response) -> Any:
    """Read JSON, and what schemathesis takes for it: to it, ``application/jwt`` is of the same family."""
    if response.headers["content-type"] == [wire.JWT]:
        return response.content.decode("ascii")
    return response.json()


class Signed(AuthBase):
    """Signs a request as a device: whatever it carries, the proof is about just that."""

    def __init__(self, peer: Peer, *, token: bool) -> None:
        self._peer, self._token = peer, peer.access_token if token else None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        claims = self._peer.claims(str(request.method), "", body, self._token)
        claims["htu"] = str(request.url).partition("?")[0]
        request.headers["DPoP"] = sign(self._peer.key, claims)
        if self._token:
            request.headers["Authorization"] = f"DPoP {self._token}"
        return request


class Device:
    """A bound device; another one takes its place when it was taken off its order, or erased."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self._peer: Peer | None = None

    def peer(self) -> Peer:
        """Return who calls, with a live token and nonce."""
        if self._peer is not None and self._peer.call("GET", "/v1/order").status_code != 200:
            self.close()
        if self._peer is None:
            self._peer = Peer(self.sandbox.url, self.sandbox.ca_file)
            self._peer.bind(self.sandbox.order(limit=50, email=None))
        return self._peer

    def request(self) -> str:
        """Return the id of a request that is there."""
        return str(self.peer().ask_deletion("logs").json()["request_id"])

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    sandbox = Sandbox(tmp_path_factory.mktemp("server"))
    sandbox.settings = ServerSettings(plain_requests=10**6)  # else it would only hear that it asks too often
    with sandbox:
        device = Device(sandbox)
        yield device
        device.session.close()
        device.close()


def make_meaningful(case: schemathesis.Case, device: Device) -> None:
    """Put in what a generator cannot know, so that what it made up is looked at, and not refused at the door."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f'"{uuid.uuid4()}"'
    if "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    if "request_id" in case.path_parameters:
        case.path_parameters["request_id"] = device.request()
    if isinstance(case.body, dict) and "policy_sha256" in case.body:
        policy = bundled_policy().with_hosts("operator", ("localhost",))
        case.body |= {"policy_version": policy.version, "policy_sha256": policy.sha256}


REFUSED_ALL_THE_SAME = {
    "DELETE /v1/data-rights-requests/{request_id}",
    "DELETE /v1/devices/{device_id}",
    "GET /tuf/metadata/{file}",
    "GET /tuf/targets/{folder}/{file}",
    "GET /problems/{code}",
    "GET /releases/{platform}/{app_version}/{file}",
    "POST /v1/authorize-challenge",
    "POST /v1/guardian-requests/{request_id}/confirm",
    "POST /v1/recovery-codes",
    "POST /v1/token",
    "POST /v1/tunnels",
}
"""What takes more than a valid request: a code that was sent, a file's name, a key of 32 bytes, a device's id."""


@pytest.fixture
def answered() -> Iterator[set[tuple[str, int]]]:
    """Holds afterwards that the property was no empty one: the operation was reached, and most are served."""
    answered: set[tuple[str, int]] = set()
    yield answered
    (label,) = {label for label, _ in answered}
    assert (label, 2) in answered or label in REFUSED_ALL_THE_SAME


@pytest.mark.one_in(4)
@SCHEMA.parametrize()
@settings(
    max_examples=form(3, 5, 300),
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_the_server_keeps_to_its_contract(
    case: schemathesis.Case, device: Device, answered: set[tuple[str, int]]
) -> None:
    make_meaningful(case, device)
    peer = device.peer()
    open_to_all = case.operation.definition.raw.get("security") == []
    auth: Any = None if open_to_all else Signed(peer, token=case.operation.path not in OAUTH)
    response = case.call_and_validate(
        base_url=device.sandbox.url,
        session=device.session,
        auth=auth,
        verify=str(device.sandbox.ca_file),
        # What is meaningful is more than a schema says: that a key is 32 bytes in base64, that a code was sent.
        excluded_checks=[positive_data_acceptance],
    )
    answered.add((case.operation.label, response.status_code // 100))
