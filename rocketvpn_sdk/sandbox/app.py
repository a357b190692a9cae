"""The routes, and the one place where a request becomes a handler's call and a refusal becomes an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import msgspec
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import (
    consents,
    correct,
    disclosures,
    guardians,
    idempotency,
    oauth,
    owner,
    resources,
    rights,
    tickets,
    tuf_files,
)
from rocketvpn_sdk.sandbox.accounts import RIGHTS_PATH
from rocketvpn_sdk.sandbox.authorize import authorize
from rocketvpn_sdk.sandbox.exchange import Call, OAuthRefused, Refused, Reply, json_reply
from rocketvpn_sdk.sandbox.guard import Caller, authenticate, insufficient_scope
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.problems import problem_page, problem_reply
from rocketvpn_sdk.sandbox.proofs import ALGORITHM
from rocketvpn_sdk.sandbox.tokens import token

logger = logging.getLogger(__name__)

BODY = "rocketvpn.body"
"""Where the gate leaves a request's body in the ASGI scope."""

OpenHandler = Callable[[Parts, Call], Reply]
OwnHandler = Callable[[Parts, Call, Caller, Connection], Reply]


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Open:
    """A method on a path that serves anyone, or checks for itself who calls."""

    method: Method
    path: str
    handler: OpenHandler
    identified: bool = False
    """Whether requests carry a proof, and answers a nonce."""


@dataclass(frozen=True, slots=True)
class Own:
    """A method on a path that serves the caller whose token and proof were checked."""

    method: Method
    path: str
    handler: OwnHandler
    after_erasure: bool = False
    """Also for a caller whose data is erased."""
    identity: Literal["device", "user"] = "device"
    """Whose tokens it takes."""
    identified: bool = True


Endpoint = Open | Own


def metadata(parts: Parts, _call: Call) -> Reply:
    """Serve the authorization server metadata (RFC 8414 §3.2)."""
    return json_reply(
        wire.ServerMetadata(
            issuer=parts.base,
            authorization_challenge_endpoint=f"{parts.base}/v1/authorize-challenge",
            token_endpoint=f"{parts.base}/v1/token",
            jwks_uri=f"{parts.base}/v1/keys",
            dpop_signing_alg_values_supported=[ALGORITHM],
            grant_types_supported=["authorization_code", "refresh_token"],
            response_types_supported=["code"],
            token_endpoint_auth_methods_supported=["none"],
        )
    )


def keys(parts: Parts, _call: Call) -> Reply:
    """Serve the keys that sign receipts (RFC 7517 §5)."""
    return Reply(body=msgspec.json.encode(parts.receipts.key_set()), media_type="application/jwk-set+json")


def problem(_parts: Parts, call: Call) -> Reply:
    """Serve the page behind a problem's ``type``."""
    return problem_page(call.params["code"])


_ONE_OF_OWNER = owner.RIGHTS_PATH + "/{request_id}"
_ONE_REQUEST = RIGHTS_PATH + "/{request_id}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Open("GET", wire.METADATA_PATH, metadata),
    Open("GET", "/problems/{code}", problem),
    Open("GET", "/v1/keys", keys),
    Open("GET", "/tuf/metadata/{file}", tuf_files.metadata),
    Open("GET", "/tuf/targets/{folder}/{file}", tuf_files.target),
    Open("POST", "/v1/authorize-challenge", authorize, identified=True),
    Open("POST", "/v1/token", token, identified=True),
    Open("POST", "/v1/erasures", tickets.redeem),
    Own("GET", "/v1/order", resources.order),
    Own("GET", "/v1/devices", resources.devices),
    Own("DELETE", "/v1/devices/{device_id}", resources.unbind),
    Own("GET", correct.DATA_PATH, correct.view),
    Own("PATCH", correct.DATA_PATH, correct.correct),
    Own("POST", RIGHTS_PATH, rights.create),
    Own("GET", RIGHTS_PATH, rights.listed, after_erasure=True),
    Own("GET", _ONE_REQUEST, rights.read, after_erasure=True),
    Own("DELETE", _ONE_REQUEST, rights.cancel),
    Own("GET", _ONE_REQUEST + "/receipt", rights.receipt, after_erasure=True),
    Own("GET", owner.DATA_PATH, owner.view, identity="user"),
    Own("POST", owner.RIGHTS_PATH, owner.create, identity="user"),
    Own("GET", _ONE_OF_OWNER, rights.read, identity="user", after_erasure=True),
    Own("GET", _ONE_OF_OWNER + "/receipt", rights.receipt, identity="user", after_erasure=True),
    Own("GET", disclosures.PATH, disclosures.read),
    Own("POST", tickets.PATH, tickets.create),
    Own("GET", tickets.PATH, tickets.listing),
    Own("DELETE", tickets.PATH + "/{ticket_id}", tickets.revoke),
    Own("PUT", "/v1/consents/{purpose}", consents.put),
    Own("GET", "/v1/consents/{purpose}", consents.read),
    Own("POST", guardians.PATH, guardians.create),
    Own("POST", guardians.PATH + "/{request_id}/confirm", guardians.confirm),
    Own("DELETE", guardians.PATH + "/{request_id}", guardians.withdraw),
    Own("POST", "/v1/tunnels", resources.tunnel),
)


def serve(parts: Parts, endpoint: Endpoint, call: Call) -> Reply:
    """Serve ``call``, whatever comes of it.

    The order matters: first who calls, then whether it was answered before, then the change and the keeping of its
    answer in one transaction.
    """
    parts.store.purge(parts.clock.time())
    try:
        if isinstance(endpoint, Open):
            parts.faults.pause()
            return endpoint.handler(parts, call)
        return _serve_own(parts, endpoint, call, authenticate(parts, call))
    except Refused as refused:
        return problem_reply(refused, parts.base)
    except OAuthRefused as refused:
        return oauth.refusal(refused)
    except Exception:  # the one place where the unforeseen ends: in the log; the client learns only that it happened
        logger.exception("%s %s failed", endpoint.method, endpoint.path)
        return problem_reply(Refused("server-error"), parts.base)


def _serve_own(parts: Parts, endpoint: Own, call: Call, caller: Caller) -> Reply:
    if caller.identity != endpoint.identity:
        raise insufficient_scope()
    key = idempotency.key_of(call, caller.jkt) if call.writes else None
    if caller.erased and not endpoint.after_erasure:
        # The answer to the very request that erased everything may have got lost; nothing else is served.
        stored = idempotency.stored_answer(parts, key) if key else None
        if stored is None:
            raise insufficient_scope()
        return stored
    stored = idempotency.claim(parts, call, key) if key else None
    if stored is not None:
        return stored
    try:
        parts.faults.pause()
        reply = _in_one_transaction(parts, endpoint, call, caller, key)
    except BaseException:  # an interrupt too: the key is free for another try
        if key:
            idempotency.release(parts, key)
        raise
    if key and not reply.kept:
        idempotency.release(parts, key)
    if reply.erased:
        parts.store.scrub()
    return reply


def _in_one_transaction(parts: Parts, endpoint: Own, call: Call, caller: Caller, key: idempotency.Key | None) -> Reply:
    with parts.store.begin() as db:
        reply = endpoint.handler(parts, call, caller, db)
        if key and reply.kept:
            idempotency.complete(db, parts, key, reply)
    return reply


# ---------------------------------------------------------------- Starlette


def build_app(parts: Parts) -> Starlette:
    """Return the ASGI application, which expects a body read by the gate."""
    routes = [
        Route(
            path,
            _endpoint(parts, {entry.method: entry for entry in entries}),
            methods=[entry.method for entry in entries],
        )
        for path, entries in ((path, list(group)) for path, group in groupby(ENDPOINTS, key=lambda entry: entry.path))
    ]

    async def refused(request: Request, error: Exception) -> Response:
        return _response(parts, _http_problem(parts, request, error), identified=False)

    app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
    app.router.redirect_slashes = False
    return app


def _endpoint(parts: Parts, by_method: dict[str, Endpoint]) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        endpoint = by_method["GET" if request.method == "HEAD" else request.method]
        reply = await run_in_threadpool(serve, parts, endpoint, _call(request))
        return _response(parts, reply, identified=endpoint.identified)

    return answer


def _call(request: Request) -> Call:
    return Call(
        method=request.method,
        path=request.scope["raw_path"].decode("ascii"),
        params=request.path_params,
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.scope["headers"]),
        body=request.scope[BODY],
        address=request.client.host if request.client else "",
    )


def _response(parts: Parts, reply: Reply, *, identified: bool) -> Response:
    headers = dict(reply.headers) | {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if identified:
        headers["DPoP-Nonce"] = parts.nonces.current(parts.clock.time())  # RFC 9449 §8.2
    if reply.body or reply.status != 204:
        headers["Content-Type"] = reply.media_type
    return Response(reply.body, reply.status, headers)


def _http_problem(parts: Parts, request: Request, error: Exception) -> Reply:
    status = getattr(error, "status_code", 500)
    headers = tuple((getattr(error, "headers", None) or {}).items())
    if status == 405 and request.method == "OPTIONS":
        return Reply(status=204, headers=headers)  # RFC 9110 §9.3.7: what is possible here, in Allow
    code = {404: "not-found", 405: "method-not-allowed"}.get(status, "server-error")
    return problem_reply(Refused(code, headers=headers), parts.base)
