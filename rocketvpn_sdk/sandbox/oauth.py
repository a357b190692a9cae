"""What both OAuth endpoints share: the form, the client and the proof."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.http_messages import OAuthRefused, ServerRequest, ServerResponse, oauth_refused
from rocketvpn_sdk.sandbox.proofs import NonceNeeded, ProofRefused, take
from rocketvpn_sdk.sandbox.services import Services

_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST = 255
Form = Mapping[str, str]


def read_form(request: ServerRequest) -> Form:
    """Return the parameters of ``request``; empty ones count as absent (RFC 6749 §3.1).

    Raises:
        OAuthRefused: it is no form, or a parameter comes twice.
    """
    if request.media_type() != wire.FORM:
        raise oauth_refused("invalid_request", f"the body must be {wire.FORM}")
    try:
        pairs = parse_qsl(request.body.decode("utf-8"), strict_parsing=True, max_num_fields=30, errors="strict")
    except ValueError:
        raise oauth_refused("invalid_request", "the form cannot be read") from None
    form = dict(pairs)
    # RFC 6749 §3.1: "Request and response parameters MUST NOT be included more than once."
    if len(form) != len(pairs):
        raise oauth_refused("invalid_request", "a parameter comes twice")
    # Values here are identifiers, codes and tokens: RFC 6749, appendix A, has no control character in any of them.
    if not all(value.isprintable() and len(value) <= _LONGEST for value in form.values()):
        raise oauth_refused("invalid_request", "a parameter is too long, or has a character that cannot be shown")
    return form


def needed(form: Form, name: str) -> str:
    """Return a parameter that must be there."""
    if name not in form:
        raise oauth_refused("invalid_request", f"{name} is missing")
    return form[name]


def client_of(form: Form) -> str:
    """Return the public client's id; any well-formed one will do here, and what it gets is bound to it."""
    client_id = needed(form, "client_id")
    if not _CLIENT_ID.fullmatch(client_id):
        raise oauth_refused("invalid_client", "client_id is not well formed")
    return client_id


def proven_key(services: Services, request: ServerRequest) -> str:
    """Check the DPoP proof of ``request`` and return its key's thumbprint (RFC 9449 §5).

    Raises:
        OAuthRefused: ``use_dpop_nonce`` (§8) or ``invalid_dpop_proof`` (§5).
    """
    try:
        proof = services.proofs.check(request, services.clock.time())
        services.database.transact(lambda db: take(db, services.settings, proof, services.now()))
        return proof.jkt
    except NonceNeeded as error:
        raise oauth_refused("use_dpop_nonce", str(error)) from None
    except ProofRefused as error:
        raise oauth_refused("invalid_dpop_proof", str(error)) from None


def refusal(refused: OAuthRefused) -> ServerResponse:
    """Return the JSON of RFC 6749 §5.2."""
    headers = (("Retry-After", str(refused.retry_after)),) if refused.retry_after else ()
    return ServerResponse(status=refused.status, body=msgspec.json.encode(refused.answer), headers=headers)
