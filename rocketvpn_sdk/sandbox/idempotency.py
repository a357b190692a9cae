"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a write that is repeated is done once.

A request that works on a key holds a claim, for seconds: if its process dies, the next one may take the key over. What
it did counts only if the claim is still its own when its transaction ends, so nothing is done by both.

Only answers that changed something are kept: a refusal is worked out anew, so that the same key can go on after a
step-up. What is kept is sealed under the caller's key, of which only a hash is stored: a code or a token in it is of no
use to somebody who reads the database.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, update
from sqlalchemy.exc import DBAPIError

from rocketvpn_sdk.sandbox.database import OutcomeUnknown
from rocketvpn_sdk.sandbox.http_messages import (
    About,
    Refused,
    ServerRequest,
    ServerResponse,
    b64url,
    digest,
    oauth_refused,
)
from rocketvpn_sdk.sandbox.rows import add_if_new, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import IdempotencyRow

_KEY = re.compile(r'"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"')
"""A structured-field string (RFC 9651 §3.3.3) without escapes."""
_NONCE = 12
_KEEP = update(IdempotencyRow.table).where(
    IdempotencyRow.c.jkt == bindparam("of_jkt"),
    IdempotencyRow.c.key_hash == bindparam("of_key"),
    IdempotencyRow.c.claim == bindparam("of_claim"),
)


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A key of one caller, and what it came with."""

    jkt: str
    key_hash: str
    fingerprint: str
    path: str
    seal: bytes
    """Seals the answer that is kept."""
    claim: str
    """Names the request that works on the key: this one."""


def key_of(request: ServerRequest, jkt: str, row_id: str = "") -> IdempotencyKey:
    """Return the key of ``request``; another caller's key of the same text is another one.

    ``row_id``: the row that the caller's token was issued for, if there is a token.

    Raises:
        Refused: there is none, or it is not a quoted string.
    """
    headers = request.all("idempotency-key")
    match = _KEY.fullmatch(headers[0]) if len(headers) == 1 else None
    if match is None:
        raise Refused("idempotency-key-missing")
    # The key is in it, and only its hash is stored: else a short body could be guessed from its fingerprint.
    identity = (match[1], request.method, request.path, request.media_type(), b64url(request.body))
    seal = hashlib.sha256(f"answer\n{match[1]}".encode()).digest()
    return IdempotencyKey(
        jkt, digest(f"{row_id}\n{match[1]}"), digest("\n".join(identity)), request.path, seal, secrets.token_hex(16)
    )


def key_if_any(request: ServerRequest, jkt: str) -> IdempotencyKey | None:
    """Return the key of a ``request`` to an OAuth endpoint; ``None``: it has none; OAuth does not ask for one.

    Raises:
        OAuthRefused: it is not a quoted string.
    """
    if not request.all("idempotency-key"):
        return None
    try:
        return key_of(request, jkt)
    except Refused:
        raise oauth_refused("invalid_request", "Idempotency-Key must be one quoted string") from None


def once(
    services: Services, key: IdempotencyKey | None, work: Callable[[Connection], ServerResponse]
) -> ServerResponse:
    """Return the answer that ``key`` was given before, else that of ``work``, which keeps it (``complete``).

    Where ``work`` keeps nothing, the key is free for another try.

    Raises:
        Refused: the first request is still running, or came with something else.
        Exception: whatever ``work`` raises.
    """
    stored = services.database.transact(lambda db: claim(db, services, key, About())) if key else None
    if stored is not None:
        return stored
    response = freed_if_not_kept(services, key, work)
    services.mail.send_all(response.mails)
    return response


def freed_if_not_kept(
    services: Services, key: IdempotencyKey | None, work: Callable[[Connection], ServerResponse]
) -> ServerResponse:
    """Return the answer of ``work``, one transaction that keeps it (``complete``) or ends its claim (``release``).

    If it fails, ``key`` is free for another try.

    Raises:
        Exception: whatever ``work`` raises.
    """
    try:
        return services.database.transact(work)
    except BaseException as error:  # an interrupt too: the key is free for another try
        if key:
            _free(services, key, error)
        raise


def _free(services: Services, key: IdempotencyKey, error: BaseException) -> None:
    """End the claim after ``error``; without the database it ends by itself, when its time has passed."""
    if isinstance(error, OutcomeUnknown):
        return  # the change may have been made: the next request finds its answer, or the claim's end
    with suppress(DBAPIError, OutcomeUnknown), services.database.begin() as db:
        _delete_claim(db, key)


def stored_answer(db: Connection, services: Services, key: IdempotencyKey) -> ServerResponse | None:
    """Return the answer that was given to ``key`` before, or nothing if the key is new.

    Raises:
        Refused: the first request is still running, or came with something else.
    """
    row = one(db, IdempotencyRow, jkt=key.jkt, key_hash=key.key_hash)
    if row is None:
        return None
    if row.expires_at <= services.now():  # this very row: another process may be first, and its claim stays
        this = {"expires_at": row.expires_at} | ({"claim": row.claim} if row.claim else {"status": row.status})
        remove(db, IdempotencyRow, jkt=key.jkt, key_hash=key.key_hash, **this)
        return None
    if row.fingerprint != key.fingerprint:
        raise Refused("idempotency-key-reused")
    if row.status is None:
        raise _in_progress()
    headers = [(str(name), str(value)) for name, value in json.loads(row.headers or "[]")]
    body = AESGCM(key.seal).decrypt(row.body[:_NONCE], row.body[_NONCE:], None) if row.body else b""
    kept = tuple(headers[1:])
    return ServerResponse(status=row.status, body=body, media_type=headers[0][1], headers=kept, by_code=row.by_code)


def claim(db: Connection, services: Services, key: IdempotencyKey, about: About) -> ServerResponse | None:
    """Return the stored answer; without one, mark ``key`` as running and return nothing.

    Raises:
        Refused: as ``stored_answer``.
    """
    claimed = {"by_code": False, "claim": key.claim, "expires_at": services.now() + services.settings.claim_lease}
    if _inserted(db, key, about, claimed):  # first, since most keys are new
        return None
    response = stored_answer(db, services, key)
    if response is None and not _inserted(db, key, about, claimed):
        raise _in_progress()  # another process came first
    return response


def complete(db: Connection, services: Services, key: IdempotencyKey, response: ServerResponse) -> None:
    """Keep the answer, in the transaction of the change itself; not if the change erased what it is about.

    Raises:
        Refused: the claim had ended, and another request works on the key: this one's change is rolled back.
    """
    lifetime = response.replay_for or services.settings.replay_lifetime
    values = {
        "claim": None,
        "status": response.status,
        "by_code": response.by_code,
        "headers": json.dumps([("Content-Type", response.media_type), *response.headers]),
        "body": _sealed(key, response.body),
        "expires_at": services.now() + lifetime,
    }
    if response.about is None:
        mine = {"of_jkt": key.jkt, "of_key": key.key_hash, "of_claim": key.claim}
        kept = db.execute(_KEEP, values | mine).rowcount
        if not kept:  # the change erased it with what it is about; or it was taken over
            _check_free(db, key)
    else:  # about something else than the claim, with which that may have been deleted
        _delete_claim(db, key)
        if not _inserted(db, key, response.about, values):
            raise _in_progress()


def release(db: Connection, key: IdempotencyKey) -> None:
    """End the claim, in a transaction that changed something without an answer to keep.

    Raises:
        Refused: as ``complete``.
    """
    if not _delete_claim(db, key):
        _check_free(db, key)


def _check_free(db: Connection, key: IdempotencyKey) -> None:
    if one(db, IdempotencyRow, jkt=key.jkt, key_hash=key.key_hash) is not None:
        raise _in_progress()


def _in_progress() -> Refused:
    return Refused("idempotency-in-progress", headers=(("Retry-After", "1"),))


def _delete_claim(db: Connection, key: IdempotencyKey) -> bool:
    return remove(db, IdempotencyRow, jkt=key.jkt, key_hash=key.key_hash, claim=key.claim) > 0


def _inserted(db: Connection, key: IdempotencyKey, about: About, values: dict[str, Any]) -> bool:
    known: dict[str, Any] = {"jkt": key.jkt, "key_hash": key.key_hash, "fingerprint": key.fingerprint, "path": key.path}
    return add_if_new(db, IdempotencyRow(**known, **msgspec.structs.asdict(about), **values))


def _sealed(key: IdempotencyKey, body: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key.seal).encrypt(nonce, body, None)
