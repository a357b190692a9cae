"""Serves the TUF repository: to anyone, as bytes that say by themselves whether they can be trusted."""

from __future__ import annotations

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.http_messages import Refused, ServerRequest, ServerResponse
from rocketvpn_sdk.sandbox.services import Services


def metadata(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve a metadata file."""
    if not services.faults.freeze_updates:
        services.repository.renew()
    return _response(services.repository.read("metadata", request.params["file"]), wire.JSON)


def target(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve a target, by the name with its hash."""
    return _response(services.repository.read("targets", request.params["folder"], request.params["file"]), wire.BYTES)


def _response(content: bytes | None, media_type: str) -> ServerResponse:
    if content is None:
        raise Refused("not-found")
    return ServerResponse(body=content, media_type=media_type)
