"""Problems (RFC 9457): the list of codes, the JSON form, and the page behind each ``type``."""

from __future__ import annotations

import html

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.http_messages import Refused, ServerResponse

PROBLEMS: dict[str, tuple[int, str, str]] = {
    "malformed": (400, "The request cannot be read", "The body is not the JSON that its media type promises."),
    "idempotency-key-missing": (
        400,
        "An Idempotency-Key is needed",
        "Every write carries an Idempotency-Key header: a quoted string of 1 to 255 characters, new for each intent.",
    ),
    "unauthorized": (401, "A token is needed", 'Send "Authorization: DPoP <token>" and a DPoP proof (RFC 9449 §7.1).'),
    "invalid-token": (401, "The token is not valid", "It is unknown, has expired, or belongs to another key."),
    "invalid-dpop-proof": (401, "The DPoP proof is not valid", "One of the checks of RFC 9449 §4.3 failed."),
    "use-dpop-nonce": (401, "A fresh nonce is needed", "Repeat with the nonce of the DPoP-Nonce header (RFC 9449 §9)."),
    "insufficient-user-authentication": (
        401,
        "The user must prove who they are",
        "Ask for a code by e-mail at the authorization challenge endpoint, then repeat (RFC 9470).",
    ),
    "device-revoked": (403, "This device was removed", "It was taken off its order. It can be bound again."),
    "insufficient-scope": (
        403,
        "The token is not good for this",
        "Its owner's data is erased and it only reads receipts, or it is an owner's where a device's is needed.",
    ),
    "guardian-tries-spent": (403, "Too many wrong codes", "This code is spent; ask for a new one."),
    "order-expired": (403, "The order has expired", "Renew it. Seeing, correcting and deleting data stays possible."),
    "not-found": (404, "There is nothing here", "No such path, or nothing of this caller's by that name."),
    "device-not-found": (404, "There is no such device", "The order has no device by that id."),
    "guardian-request-not-found": (404, "There is no such request", "It was settled, withdrawn, or is too long ago."),
    "ticket-not-found": (404, "There is no such ticket", "The order has no ticket by that id."),
    "ticket-not-valid": (404, "The ticket is not valid", "It is unknown, or was used or revoked; which, is not said."),
    "method-not-allowed": (405, "The method is not allowed here", "The Allow header lists those that are."),
    "idempotency-in-progress": (409, "The first request is still running", "Wait a moment and repeat."),
    "request-begun": (409, "The request is being carried out", "Only what nobody works on yet can be called off."),
    "request-closed": (409, "The request is closed", "What is fulfilled, denied or revoked cannot be cancelled."),
    "too-many-tickets": (409, "The order has enough tickets", "Revoke one of them first."),
    "guardian-code-used": (409, "The code was used already", "A guardian's code counts once; ask for a new one."),
    "guardian-code-expired": (410, "The code is no longer valid", "Ask for a new one."),
    "precondition-failed": (412, "The data was changed elsewhere", "Read it again; If-Match names another version."),
    "content-too-large": (413, "The body is too large", "At most 64 KiB."),
    "range-not-satisfiable": (416, "The range is not in the file", "The Content-Range header says how long it is."),
    "unsupported-media-type": (415, "The media type is not supported", "The Accept header lists what is taken."),
    "validation-failed": (422, "A value cannot be used", "The errors member says which one and why."),
    "guardian-code-wrong": (422, "That is not the code", "The errors member says how many tries are left."),
    "policy-version-unknown": (
        422,
        "That version of the policy is not known here",
        "Fetch the newest one and ask again.",
    ),
    "idempotency-key-reused": (422, "The Idempotency-Key was used before", "It came with another request."),
    "precondition-required": (428, "If-Match is needed", "Send the ETag of the version that is being changed."),
    "rate-limited": (429, "Too many requests", "Come back after the time in Retry-After."),
    "server-error": (500, "The server failed", "Nothing is known about why; it was logged."),
    "unavailable": (503, "The server is not available", "Come back after the time in Retry-After."),
    # These appear as the "error" member of the OAuth endpoints' answers, too.
    "order-not-found": (404, "There is no such order", "Check the number in the confirmation of the purchase."),
    "device-exists": (
        409,
        "The order has this device under another key",
        "Bind with replace and its own id if it was installed again; a copy of it binds under another id.",
    ),
    "address-not-pending": (
        409,
        "No address waits for a code",
        "This device asked for none, or it was replaced, called off, confirmed, or is too long ago. Correct it again.",
    ),
    "device-limit-reached": (409, "The order has all its devices", "Bind with replace, or remove one of them first."),
}


def problem_response(refused: Refused, base: str) -> ServerResponse:
    """Return the problem+json of ``refused`` at the server ``base``."""
    status, title, explanation = PROBLEMS[refused.code]
    problem = wire.Problem(
        type=f"{base}/problems/{refused.code}",
        title=title,
        status=status,
        detail=refused.detail or explanation,
        errors=list(refused.errors),
        devices=list(refused.devices),
    )
    body = msgspec.json.encode(problem)
    return ServerResponse(status=status, body=body, media_type=wire.PROBLEM_JSON, headers=refused.headers)


def problem_page(code: str) -> ServerResponse:
    """Return the page that explains ``code`` to a person (RFC 9457 §3.1.1).

    Raises:
        Refused: there is no such problem.
    """
    if code not in PROBLEMS:
        raise Refused("not-found")
    status, title, explanation = PROBLEMS[code]
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<h1>{html.escape(title)}</h1><p>{html.escape(explanation)}</p>"
        f"<p><code>{html.escape(code)}</code>, HTTP {status}</p></html>\n"
    )
    return ServerResponse(body=page.encode(), media_type="text/html; charset=utf-8")
