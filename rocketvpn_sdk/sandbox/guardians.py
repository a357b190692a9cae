"""Guardians of minors (M1 to M3): a code by e-mail, with the guardian's text; the address is used once and not kept."""

from __future__ import annotations

import hmac
import re
import secrets

from sqlalchemy import Connection, delete, func, insert, select, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.policy import Policy, wording
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.consents import known_version
from rocketvpn_sdk.sandbox.correct import valid
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply, digest, json_reply
from rocketvpn_sdk.sandbox.guard import Caller, Subject
from rocketvpn_sdk.sandbox.mail import Message
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.problems import problem_reply
from rocketvpn_sdk.sandbox.resources import read_body
from rocketvpn_sdk.sandbox.rows import GuardianRow
from rocketvpn_sdk.sandbox.store import one

PATH = "/v1/guardian-requests"
_DIGITS = 6
"""Of a code."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_ABOUT = {
    "agreement": "With this code you agree to the policy for them: {code}",
    "age": "With this code you say that they are of age now, and may decide by themselves: {code}",
}


def create(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``POST /v1/guardian-requests``: send the code, and keep what it is for."""
    subject, wanted = caller.bound(), read_body(call, wire.NewGuardianRequest)
    policy = _check(parts, wanted)
    _check_number(db, parts, subject)
    now, request_id, code = parts.now(), secrets.token_hex(16), f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
    code_until = now + parts.settings.guardian_lifetime
    row = GuardianRow(
        id_hash=digest(request_id),
        order_number=subject.device.order_number,
        device_id=subject.device.id,
        about=wanted.about,
        policy_version=wanted.policy_version,
        policy_sha256=wanted.policy_sha256,
        code_hash=_code_hash(request_id, code),
        tries=0,
        used=False,
        code_until=code_until,
        expires_at=code_until + parts.settings.guardian_memory,
    )
    db.execute(insert(tables.guardian_requests).values({name: getattr(row, name) for name in row.__struct_fields__}))
    text = _letter(policy, wanted, code)
    parts.mail.send(Message(to=wanted.contact, code=code, sent_at=parts.moment(), text=text))
    answer = wire.GuardianRequest(
        request_id=request_id,
        about=wanted.about,
        policy_version=row.policy_version,
        policy_sha256=row.policy_sha256,
        expires_at=utc(code_until),
        code_digits=_DIGITS,
    )
    return json_reply(answer, status=201, headers=(("Location", f"{PATH}/{request_id}"),))


def confirm(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``POST /v1/guardian-requests/{request_id}/confirm``."""
    subject, request_id = caller.bound(), call.params["request_id"]
    given = read_body(call, wire.GuardianCode)
    request = _usable(db, parts, subject, request_id)
    if not hmac.compare_digest(request.code_hash, _code_hash(request_id, given.code)):
        return _wrong(db, parts, request)
    table = tables.guardian_requests
    db.execute(update(table).where(table.c.id_hash == request.id_hash).values(used=True))
    if request.about == "agreement":
        _keep(db, subject, request, parts.now())
    answer = wire.GuardianConfirmation(
        request_id=request_id,
        about=request.about,  # type: ignore[arg-type]  # the column holds what NewGuardianRequest took
        policy_version=request.policy_version,
        policy_sha256=request.policy_sha256,
        confirmed_at=utc(parts.now()),
    )
    return json_reply(answer)


def withdraw(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``DELETE /v1/guardian-requests/{request_id}``: the agreement ends; one that is not there has ended."""
    del parts
    device, request_hash = caller.bound().device, digest(call.params["request_id"])
    requests, given = tables.guardian_requests.c, tables.guardian_confirmations.c
    mine = (requests.order_number == device.order_number, requests.device_id == device.id)
    db.execute(delete(tables.guardian_requests).where(*mine, requests.id_hash == request_hash))
    mine = (given.order_number == device.order_number, given.device_id == device.id)
    db.execute(delete(tables.guardian_confirmations).where(*mine, given.request_hash == request_hash))
    return Reply(status=204, erased=True)


def _check(parts: Parts, wanted: wire.NewGuardianRequest) -> Policy:
    """Return the version that the guardian is to read."""
    policy = parts.policy
    wrong = []
    if not valid(policy.fields["guardian_contact"], wanted.contact):
        wrong.append(wire.ProblemItem(detail="is no e-mail address", pointer="/contact"))
    if not _LANGUAGE.fullmatch(wanted.language):
        wrong.append(wire.ProblemItem(detail="is no language tag", pointer="/language"))
    if wrong:
        raise Refused("validation-failed", errors=tuple(wrong))
    # M2: what goes out is a text that was published, under its own name.
    return known_version(parts, wanted.policy_version, wanted.policy_sha256)


def _check_number(db: Connection, parts: Parts, subject: Subject) -> None:
    table = tables.guardian_requests
    live = (
        select(func.count())
        .select_from(table)
        .where(table.c.order_number == subject.device.order_number, table.c.code_until > parts.now())
    )
    if db.execute(live).scalar_one() >= parts.settings.guardian_live:
        raise Refused("rate-limited", headers=(("Retry-After", str(parts.settings.guardian_lifetime)),))


def _usable(db: Connection, parts: Parts, subject: Subject, request_id: str) -> GuardianRow:
    table = tables.guardian_requests
    request = one(db, select(table).where(table.c.id_hash == digest(request_id)), GuardianRow)
    mine = request is not None and (request.order_number, request.device_id) == (
        subject.device.order_number,
        subject.device.id,
    )
    if request is None or not mine:
        raise Refused("guardian-request-not-found")
    if request.used:
        raise Refused("guardian-code-used")
    if request.tries >= parts.settings.code_tries:
        raise Refused("guardian-tries-spent")
    if request.code_until <= parts.now():
        raise Refused("guardian-code-expired")
    return request


def _wrong(db: Connection, parts: Parts, request: GuardianRow) -> Reply:
    """Count the try, and say how many are left: an answer, since an exception would undo the count."""
    table = tables.guardian_requests
    db.execute(update(table).where(table.c.id_hash == request.id_hash).values(tries=request.tries + 1))
    left = parts.settings.code_tries - request.tries - 1
    item = wire.ProblemItem(detail=f"{left} tries are left" if left != 1 else "1 try is left", pointer="/code")
    reply = problem_reply(Refused("guardian-code-wrong", errors=(item,)), parts.base)
    return Reply(status=reply.status, body=reply.body, media_type=reply.media_type, kept=False)


def _keep(db: Connection, subject: Subject, request: GuardianRow, now: int) -> None:
    table = tables.guardian_confirmations
    device = subject.device
    db.execute(delete(table).where(table.c.order_number == device.order_number, table.c.device_id == device.id))
    db.execute(
        insert(table).values(
            order_number=device.order_number,
            device_id=device.id,
            request_hash=request.id_hash,
            policy_version=request.policy_version,
            policy_sha256=request.policy_sha256,
            confirmed_at=now,
        )
    )


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
    # Six digits alone could be guessed from their hash; the request's 128 random bits are not stored with it, and no
    # longer anywhere once the stored answer to the request has gone, after a day.
    return digest(f"{request_id}:{code.strip()}")
