"""The one place where a request becomes a handler's call and a refusal becomes an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from sqlalchemy import Connection
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from rocketvpn_sdk.sandbox import idempotency, oauth
from rocketvpn_sdk.sandbox.authentication import (
    PresentedToken,
    identify,
    insufficient_scope,
    presented,
    take_proof,
)
from rocketvpn_sdk.sandbox.database import OutcomeUnknown, connection_lost, described
from rocketvpn_sdk.sandbox.http_messages import (
    FileBody,
    OAuthRefused,
    Refused,
    ServerRequest,
    ServerResponse,
    invalid,
)
from rocketvpn_sdk.sandbox.problems import problem_response
from rocketvpn_sdk.sandbox.routes import ROUTES, AnyRoute, AuthenticatedRoute, PublicRoute
from rocketvpn_sdk.sandbox.services import Services

logger = logging.getLogger(__name__)

_LONGEST_PATH = 200
_BLOCK = 1 << 18
"""Bytes of a file that are in memory at once."""
BODY = "rocketvpn.body"
"""Where the middleware leaves a request's body in the ASGI scope."""


def serve(services: Services, route: AnyRoute, request: ServerRequest) -> ServerResponse:
    """Return the response to ``request``; every error becomes a response.

    The order matters: first who calls, and whether it was answered before; then, in one transaction, who calls again,
    the change, and the keeping of its answer.
    """
    try:
        _check_path(request)
        services.schedule.carry_out(services)  # before the purge: an address that counts from now on has not expired
        services.database.purge(services.clock.time())
        if isinstance(route, PublicRoute):
            services.faults.pause()
            response = route.handler(services, request)
        else:
            response = _serve_authenticated(services, route, request, presented(services, request))
        if response.erased:
            services.database.scrub()
        return response
    except Refused as refused:
        return problem_response(refused, services.base)
    except OAuthRefused as refused:
        return oauth.refusal(refused)
    except Exception as error:  # noqa: BLE001 - where the unforeseen ends: in the log; the client learns only that
        away = isinstance(error, OutcomeUnknown | PoolTimeoutError) or connection_lost(error)
        logger.error("%s %s failed: %s", route.method, route.path, described(error))
        headers = (("Retry-After", "1"),) if away else ()
        return problem_response(Refused("unavailable" if away else "server-error", headers=headers), services.base)


def _check_path(request: ServerRequest) -> None:
    """Refuse a path that no id of ours can be in: PostgreSQL takes no NUL in a text, and none that is too long."""
    named = "".join(request.params.values())
    if len(request.path) > _LONGEST_PATH or len(named) > _LONGEST_PATH or not named.isprintable():
        raise invalid("the path is too long, or has a character that cannot be shown")


def _serve_authenticated(
    services: Services, route: AuthenticatedRoute, request: ServerRequest, sent: PresentedToken
) -> ServerResponse:
    key, stored = _admit(services, route, request, sent)
    if stored is not None:
        return stored
    services.faults.pause()
    response = idempotency.freed_if_not_kept(services, key, lambda db: _act(db, services, route, request, sent, key))
    services.mail.send_all(response.mails)
    return response


def _admit(
    services: Services, route: AuthenticatedRoute, request: ServerRequest, sent: PresentedToken
) -> tuple[idempotency.IdempotencyKey | None, ServerResponse | None]:
    """Let the proof count, and do what ``_answered_before`` does; if that refuses, the proof was used all the same."""

    def admit(db: Connection) -> tuple[idempotency.IdempotencyKey | None, ServerResponse | None] | Refused:
        take_proof(db, services, sent)
        try:
            return _answered_before(db, services, route, request, sent)
        except Refused as error:  # an answer here, since an exception would undo the use of the proof
            return error

    admitted = services.database.transact(admit)
    if isinstance(admitted, Refused):
        raise admitted
    return admitted


def _answered_before(
    db: Connection, services: Services, route: AuthenticatedRoute, request: ServerRequest, sent: PresentedToken
) -> tuple[idempotency.IdempotencyKey | None, ServerResponse | None]:
    """Return the key of a write, marked as running, and the answer that was kept for it, if there is one."""
    caller = identify(db, services, sent)
    if caller.identity != route.identity:
        raise insufficient_scope()
    key = idempotency.key_of(request, caller.jkt, caller.row_id) if request.writes else None
    if caller.erased and not route.after_erasure:
        # The answer to the very request that erased everything may have got lost; nothing else is served.
        stored = idempotency.stored_answer(db, services, key) if key else None
        if stored is None:
            raise insufficient_scope()
        return key, stored
    stored = idempotency.claim(db, services, key, caller.about) if key else None
    if stored is not None and stored.by_code:
        caller.require_code(services.settings.step_up_lifetime)  # it may say what a member does not see
    return key, stored


def _act(
    db: Connection,
    services: Services,
    route: AuthenticatedRoute,
    request: ServerRequest,
    sent: PresentedToken,
    key: idempotency.IdempotencyKey | None,
) -> ServerResponse:
    caller = identify(db, services, sent)  # again: the device may have been removed, or its order erased, since
    if caller.erased and not route.after_erasure:
        raise insufficient_scope()
    response = route.handler(services, request, caller, db)
    if key and response.kept:
        idempotency.complete(db, services, key, replace(response, by_code=caller.verified))
    elif key:
        idempotency.release(db, key)
    return response


# ---------------------------------------------------------------- Starlette


def build_app(services: Services) -> Starlette:
    """Return the ASGI application, which expects a body that the middleware has read."""
    places = CapacityLimiter(services.database.parallel)
    routes = [
        Route(
            path,
            _endpoint(services, {entry.method: entry for entry in entries}, places),
            methods=[entry.method for entry in entries],
        )
        for path, entries in ((path, list(group)) for path, group in groupby(ROUTES, key=lambda entry: entry.path))
    ]

    async def refused(incoming: Request, error: Exception) -> Response:
        return _response(services, _http_problem(services, incoming, error), identified=False)

    app = Starlette(routes=routes, exception_handlers={HTTPException: refused})
    app.router.redirect_slashes = False
    return app


def _endpoint(
    services: Services, by_method: dict[str, AnyRoute], places: CapacityLimiter
) -> Callable[[Request], object]:
    async def answer(incoming: Request) -> Response:
        route = by_method["GET" if incoming.method == "HEAD" else incoming.method]
        response = await run_sync(serve, services, route, _request(services, incoming), limiter=places)
        return _response(services, response, identified=route.identified)

    return answer


def _request(services: Services, incoming: Request) -> ServerRequest:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in incoming.scope["headers"])
    return ServerRequest(
        method=incoming.method,
        path=incoming.scope["raw_path"].decode("ascii"),
        params=incoming.path_params,
        headers=headers,
        body=incoming.scope[BODY],
        address=services.front.client(incoming.client.host if incoming.client else "", headers),
    )


def _response(services: Services, response: ServerResponse, *, identified: bool) -> Response:
    headers = dict(response.headers) | {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if identified:
        headers["DPoP-Nonce"] = services.nonces.current(services.clock.time())  # RFC 9449 §8.2
    if response.body or response.status != 204:
        headers["Content-Type"] = response.media_type
    if response.file is not None:
        headers["Content-Length"] = str(response.file.length)
        return StreamingResponse(_read(response.file), response.status, headers)
    return Response(response.body, response.status, headers)


def _read(file: FileBody) -> Iterator[bytes]:
    with file.path.open("rb") as content:
        content.seek(file.first)
        left = file.length
        while left and (block := content.read(min(_BLOCK, left))):
            left -= len(block)
            yield block


def _http_problem(services: Services, incoming: Request, error: Exception) -> ServerResponse:
    status = getattr(error, "status_code", 500)
    headers = tuple((getattr(error, "headers", None) or {}).items())
    if status == 405 and incoming.method == "OPTIONS":
        return ServerResponse(status=204, headers=headers)  # RFC 9110 §9.3.7: what is possible here, in Allow
    code = {404: "not-found", 405: "method-not-allowed"}.get(status, "server-error")
    return problem_response(Refused(code, headers=headers), services.base)
