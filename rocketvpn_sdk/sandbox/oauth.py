"""What both OAuth endpoints share: the form, the client and the proof."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.exchange import Call, OAuthRefused, Reply, oauth_refused
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.proofs import NonceNeeded, ProofRefused

_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
Form = Mapping[str, str]


def read_form(call: Call) -> Form:
    """Return the parameters of ``call``; empty ones count as absent (RFC 6749 §3.1).

    Raises:
        OAuthRefused: it is no form, or a parameter comes twice.
    """
    if call.media_type() != wire.FORM:
        raise oauth_refused("invalid_request", f"the body must be {wire.FORM}")
    try:
        pairs = parse_qsl(call.body.decode("utf-8"), strict_parsing=True, max_num_fields=30, errors="strict")
    except ValueError:
        raise oauth_refused("invalid_request", "the form cannot be read") from None
    form = dict(pairs)
    # RFC 6749 §3.1: "Request and response parameters MUST NOT be included more than once."
    if len(form) != len(pairs):
        raise oauth_refused("invalid_request", "a parameter comes twice")
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


def proven_key(parts: Parts, call: Call) -> str:
    """Check the DPoP proof of ``call`` and return its key's thumbprint (RFC 9449 §5).

    Raises:
        OAuthRefused: ``use_dpop_nonce`` (§8) or ``invalid_dpop_proof`` (§5).
    """
    try:
        return parts.proofs.check(call, parts.clock.time())
    except NonceNeeded as error:
        raise oauth_refused("use_dpop_nonce", str(error)) from None
    except ProofRefused as error:
        raise oauth_refused("invalid_dpop_proof", str(error)) from None


def refusal(refused: OAuthRefused) -> Reply:
    """Return the JSON of RFC 6749 §5.2."""
    headers = (("Retry-After", str(refused.retry_after)),) if refused.retry_after else ()
    return Reply(status=refused.status, body=msgspec.json.encode(refused.answer), headers=headers)
