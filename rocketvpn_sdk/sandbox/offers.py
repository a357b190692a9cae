"""The company whose offers can be taken (U6), played by the sandbox: it learns which offer, and from no one."""

from __future__ import annotations

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.http_messages import Refused, ServerRequest, ServerResponse, json_response
from rocketvpn_sdk.sandbox.services import Services

PATH = "/v1/offers/{offer_id}"


def take(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve ``POST /v1/offers/{offer_id}``: say where to go on. Nothing is kept."""
    content = services.repository.target(wire.OFFERS_TARGET)
    listed = wire.OfferList() if content is None else msgspec.json.decode(content, type=wire.OfferList)
    wanted = request.params["offer_id"]
    if not any(offer.id == wanted and offer.server is not None for offer in listed.offers):
        raise Refused("not-found")
    return json_response(wire.OfferTaken(link=f"{services.base}/offers/{wanted}"))
