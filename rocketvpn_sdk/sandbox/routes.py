"""The routes: which handler serves which method on which path, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import (
    consents,
    corrections,
    devices,
    disclosures,
    guardians,
    offers,
    owner,
    recovery,
    releases,
    reports,
    rights,
    surveys,
    tickets,
    tuf_files,
    tunnels,
)
from rocketvpn_sdk.sandbox.accounts import RIGHTS_PATH
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.authorize import authorize
from rocketvpn_sdk.sandbox.http_messages import ServerRequest, ServerResponse, json_response
from rocketvpn_sdk.sandbox.problems import problem_page
from rocketvpn_sdk.sandbox.proofs import ALGORITHM
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tokens import token

PublicHandler = Callable[[Services, ServerRequest], ServerResponse]
AuthenticatedHandler = Callable[[Services, ServerRequest, Caller, Connection], ServerResponse]


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class PublicRoute:
    """A method on a path that serves anyone, or checks for itself who calls."""

    method: Method
    path: str
    handler: PublicHandler
    identified: bool = False
    """Whether requests carry a proof, and answers a nonce."""


@dataclass(frozen=True, slots=True)
class AuthenticatedRoute:
    """A method on a path that serves the caller whose token and proof were checked."""

    method: Method
    path: str
    handler: AuthenticatedHandler
    after_erasure: bool = False
    """Also for a caller whose data is erased."""
    identity: Literal["device", "user"] = "device"
    """Whose tokens it takes."""
    identified: bool = True


AnyRoute = PublicRoute | AuthenticatedRoute


def metadata(services: Services, _request: ServerRequest) -> ServerResponse:
    """Serve the authorization server metadata (RFC 8414 §3.2)."""
    return json_response(
        wire.ServerMetadata(
            issuer=services.base,
            authorization_challenge_endpoint=f"{services.base}/v1/authorize-challenge",
            token_endpoint=f"{services.base}/v1/token",
            jwks_uri=f"{services.base}/v1/keys",
            dpop_signing_alg_values_supported=[ALGORITHM],
            grant_types_supported=["authorization_code", "refresh_token"],
            response_types_supported=["code"],
            token_endpoint_auth_methods_supported=["none"],
        )
    )


def keys(services: Services, _request: ServerRequest) -> ServerResponse:
    """Serve the keys that sign receipts (RFC 7517 §5)."""
    return ServerResponse(body=msgspec.json.encode(services.receipts.key_set()), media_type="application/jwk-set+json")


def problem(_services: Services, request: ServerRequest) -> ServerResponse:
    """Serve the page behind a problem's ``type``."""
    return problem_page(request.params["code"])


_ONE_OF_OWNER = owner.RIGHTS_PATH + "/{request_id}"
_ONE_REQUEST = RIGHTS_PATH + "/{request_id}"

ROUTES: tuple[AnyRoute, ...] = (
    PublicRoute("GET", wire.METADATA_PATH, metadata),
    PublicRoute("GET", "/problems/{code}", problem),
    PublicRoute("GET", "/v1/keys", keys),
    PublicRoute("GET", "/tuf/metadata/{file}", tuf_files.metadata),
    PublicRoute("GET", "/tuf/targets/{folder}/{file}", tuf_files.target),
    PublicRoute("GET", releases.PATH, releases.serve),
    PublicRoute("POST", "/v1/authorize-challenge", authorize, identified=True),
    PublicRoute("POST", "/v1/token", token, identified=True),
    PublicRoute("POST", "/v1/erasures", tickets.redeem),
    PublicRoute("POST", reports.PATH, reports.take),
    PublicRoute("POST", reports.PATH + "/erasures", reports.erase),
    PublicRoute("POST", surveys.PATH, surveys.take),
    PublicRoute("POST", offers.PATH, offers.take),
    AuthenticatedRoute("GET", "/v1/order", devices.order),
    AuthenticatedRoute("GET", "/v1/devices", devices.devices),
    AuthenticatedRoute("DELETE", "/v1/devices/{device_id}", devices.unbind),
    AuthenticatedRoute("GET", corrections.DATA_PATH, corrections.view),
    AuthenticatedRoute("PATCH", corrections.DATA_PATH, corrections.correct),
    AuthenticatedRoute("POST", RIGHTS_PATH, rights.create),
    AuthenticatedRoute("GET", RIGHTS_PATH, rights.listed, after_erasure=True),
    AuthenticatedRoute("GET", _ONE_REQUEST, rights.read, after_erasure=True),
    AuthenticatedRoute("DELETE", _ONE_REQUEST, rights.cancel, after_erasure=True),
    AuthenticatedRoute("GET", _ONE_REQUEST + "/receipt", rights.receipt, after_erasure=True),
    AuthenticatedRoute("GET", owner.DATA_PATH, owner.view, identity="user"),
    AuthenticatedRoute("POST", owner.RIGHTS_PATH, owner.create, identity="user"),
    AuthenticatedRoute("GET", _ONE_OF_OWNER, rights.read, identity="user", after_erasure=True),
    AuthenticatedRoute("GET", _ONE_OF_OWNER + "/receipt", rights.receipt, identity="user", after_erasure=True),
    AuthenticatedRoute("GET", disclosures.PATH, disclosures.read),
    AuthenticatedRoute("POST", tickets.PATH, tickets.create),
    AuthenticatedRoute("GET", tickets.PATH, tickets.listing),
    AuthenticatedRoute("DELETE", tickets.PATH + "/{ticket_id}", tickets.revoke),
    AuthenticatedRoute("POST", recovery.PATH, recovery.create),
    AuthenticatedRoute("PUT", "/v1/consents/{purpose}", consents.put),
    AuthenticatedRoute("GET", "/v1/consents/{purpose}", consents.read),
    AuthenticatedRoute("POST", guardians.PATH, guardians.create),
    AuthenticatedRoute("POST", guardians.PATH + "/{request_id}/confirm", guardians.confirm),
    AuthenticatedRoute("DELETE", guardians.PATH + "/{request_id}", guardians.withdraw),
    AuthenticatedRoute("POST", "/v1/tunnels", tunnels.tunnel),
)
