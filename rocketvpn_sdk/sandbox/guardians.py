"""Guardians of minors (M1 to M3): a code by e-mail, with the guardian's text; the address is used once and not kept."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import replace

from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.policy import Policy, wording
from rocketvpn_sdk.sandbox.accounts import Subject
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.budgets import spend
from rocketvpn_sdk.sandbox.consents import known_version
from rocketvpn_sdk.sandbox.corrections import valid
from rocketvpn_sdk.sandbox.http_messages import Refused, ServerRequest, ServerResponse, digest, json_response, read_body
from rocketvpn_sdk.sandbox.problems import problem_response
from rocketvpn_sdk.sandbox.rows import add, change, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import GuardianConfirmationRow, GuardianRequestRow

PATH = "/v1/guardian-requests"
_DIGITS = 8
"""Of a code."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_ABOUT = {
    "agreement": "With this code you agree to the policy for them: {code}",
    "age": "With this code you say that they are of age now, and may decide by themselves: {code}",
}


def create(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``POST /v1/guardian-requests``: send the code, and keep what it is for."""
    subject, wanted = caller.bound(), read_body(request, wire.NewGuardianRequest)
    policy = _check(services, wanted)
    settings = services.settings
    spend(db, services, caller, "guardian", most=settings.guardian_live, window=settings.guardian_lifetime)
    now, request_id, code = services.now(), secrets.token_hex(16), f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
    code_until = now + services.settings.guardian_lifetime
    row = GuardianRequestRow(
        id_hash=digest(request_id),
        order_number=subject.device.order_number,
        device_id=subject.device.id,
        device_row=subject.device.row_id,
        about=wanted.about,
        policy_version=wanted.policy_version,
        policy_sha256=wanted.policy_sha256,
        code_hash=_code_hash(request_id, code),
        tries=0,
        used=False,
        code_until=code_until,
        expires_at=code_until + services.settings.guardian_memory,
    )
    add(db, row)
    message = services.message(wanted.contact, _letter(policy, wanted, code), code)
    answer = wire.GuardianRequest(
        request_id=request_id,
        about=wanted.about,
        policy_version=row.policy_version,
        policy_sha256=row.policy_sha256,
        expires_at=utc(code_until),
        code_digits=_DIGITS,
    )
    response = json_response(answer, status=201, headers=(("Location", f"{PATH}/{request_id}"),))
    return replace(response, mails=(message,))


def confirm(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``POST /v1/guardian-requests/{request_id}/confirm``."""
    subject, request_id = caller.bound(), request.params["request_id"]
    given = read_body(request, wire.GuardianCode)
    row = _usable(db, services, subject, request_id)
    if not hmac.compare_digest(row.code_hash, _code_hash(request_id, given.code)):
        return _wrong(db, services, row)
    change(db, row, used=True)
    if row.about == "agreement":
        _keep(db, subject, row, services.now())
    answer = wire.GuardianConfirmation(
        request_id=request_id,
        about=row.about,  # type: ignore[arg-type]  # the column holds what NewGuardianRequest took
        policy_version=row.policy_version,
        policy_sha256=row.policy_sha256,
        confirmed_at=utc(services.now()),
    )
    return json_response(answer)


def withdraw(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``DELETE /v1/guardian-requests/{request_id}``: the agreement ends; one that is not there has ended."""
    del services
    device, request_hash = caller.bound().device, digest(request.params["request_id"])
    gone = remove(db, GuardianRequestRow, device_row=device.row_id, id_hash=request_hash)
    gone += remove(db, GuardianConfirmationRow, device_row=device.row_id, request_hash=request_hash)
    return ServerResponse(status=204, erased=gone > 0)


def _check(services: Services, wanted: wire.NewGuardianRequest) -> Policy:
    """Return the version that the guardian is to read."""
    policy = services.policy
    wrong = []
    if not valid(policy.fields["guardian_contact"], wanted.contact):
        wrong.append(wire.ProblemItem(detail="is no e-mail address", pointer="/contact"))
    if not _LANGUAGE.fullmatch(wanted.language):
        wrong.append(wire.ProblemItem(detail="is no language tag", pointer="/language"))
    if wrong:
        raise Refused("validation-failed", errors=tuple(wrong))
    # M2: what goes out is a text that was published, under its own name.
    return known_version(services, wanted.policy_version, wanted.policy_sha256)


def _usable(db: Connection, services: Services, subject: Subject, request_id: str) -> GuardianRequestRow:
    row = one(db, GuardianRequestRow, id_hash=digest(request_id), device_row=subject.device.row_id)
    if row is None or row.expires_at <= services.now():
        raise Refused("guardian-request-not-found")
    if row.used:
        raise Refused("guardian-code-used")
    if row.tries >= services.settings.code_tries:
        raise Refused("guardian-tries-spent")
    if row.code_until <= services.now():
        raise Refused("guardian-code-expired")
    return row


def _wrong(db: Connection, services: Services, row: GuardianRequestRow) -> ServerResponse:
    """Count the try, and say how many are left: an answer, since an exception would undo the count."""
    change(db, row, tries=row.tries + 1)
    left = services.settings.code_tries - row.tries - 1
    item = wire.ProblemItem(detail=f"{left} tries are left" if left != 1 else "1 try is left", pointer="/code")
    response = problem_response(Refused("guardian-code-wrong", errors=(item,)), services.base)
    return ServerResponse(status=response.status, body=response.body, media_type=response.media_type, kept=False)


def _keep(db: Connection, subject: Subject, row: GuardianRequestRow, now: int) -> None:
    device = subject.device
    remove(db, GuardianConfirmationRow, device_row=device.row_id)
    confirmation = GuardianConfirmationRow(
        order_number=device.order_number,
        device_id=device.id,
        device_row=device.row_id,
        request_hash=row.id_hash,
        policy_version=row.policy_version,
        policy_sha256=row.policy_sha256,
        confirmed_at=now,
    )
    add(db, confirmation)


def _letter(policy: Policy, wanted: wire.NewGuardianRequest, code: str) -> str:
    """Return what the guardian reads: the text for guardians, which policy it is about, and the code (M2, M3)."""
    document = policy.document
    return "\n\n".join(
        (
            wording.text_in(document.minors.guardian, wanted.language),
            f"{wording.text_in(document.title, wanted.language)}, version {policy.version}, SHA-256 {policy.sha256}",
            f"The policy, and questions: {policy.contact}",
            _ABOUT[wanted.about].format(code=code),
            "Whoever asked for this can enter it on their device. If you do not agree, do nothing.",
        )
    )


def _code_hash(request_id: str, code: str) -> str:
    # Eight digits alone could be guessed from their hash; the request's 128 random bits are not stored with it, and no
    # longer anywhere once the stored answer to the request has gone, after a day.
    return digest(f"{request_id}:{code.strip()}")
