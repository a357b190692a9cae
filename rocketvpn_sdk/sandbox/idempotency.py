"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a write that is repeated is done once.

Only answers that changed something are kept: a refusal is worked out anew, so that the same key can go on after a
step-up.
"""

from __future__ import annotations

import json
import re

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply, b64url, digest
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.store import one

_KEY = re.compile(r'"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"')
"""A structured-field string (RFC 9651 §3.3.3) without escapes."""


class StoredRow(msgspec.Struct, frozen=True):
    """A row of ``idempotency``."""

    fingerprint: str
    status: int | None
    headers: str | None
    body: bytes | None
    expires_at: int


class Key(msgspec.Struct, frozen=True):
    """A key of one caller, and what it came with."""

    jkt: str
    key_hash: str
    fingerprint: str


def key_of(call: Call, jkt: str) -> Key:
    """Return the key of ``call``.

    Raises:
        Refused: there is none, or it is no quoted string.
    """
    headers = call.all("idempotency-key")
    match = _KEY.fullmatch(headers[0]) if len(headers) == 1 else None
    if match is None:
        raise Refused("idempotency-key-missing")
    # The key is in it, and only its hash is stored: else a short body could be guessed from its fingerprint.
    parts = (match[1], call.method, call.path, call.media_type(), b64url(call.body))
    return Key(jkt, digest(match[1]), digest("\n".join(parts)))


def stored_answer(parts: Parts, key: Key) -> Reply | None:
    """Return the answer that was given to ``key`` before, or nothing if the key is new.

    Raises:
        Refused: the first request is still running, or came with something else.
    """
    with parts.store.begin() as db:
        return _stored(db, parts, key)


def claim(parts: Parts, call: Call, key: Key) -> Reply | None:
    """Return the stored answer; without one, mark ``key`` as running and return nothing.

    Raises:
        Refused: as ``stored_answer``.
    """
    with parts.store.begin() as db:
        reply = _stored(db, parts, key)
        if reply is None:
            db.execute(
                insert(tables.idempotency).values(
                    jkt=key.jkt,
                    key_hash=key.key_hash,
                    fingerprint=key.fingerprint,
                    path=call.path,
                    expires_at=parts.now() + parts.settings.replay_lifetime,
                )
            )
        return reply


def complete(db: Connection, parts: Parts, key: Key, reply: Reply) -> None:
    """Keep the answer, in the transaction of the change itself; gone with the device if that was erased."""
    lifetime = reply.replay_for or parts.settings.replay_lifetime
    values = {
        "status": reply.status,
        "headers": json.dumps([("Content-Type", reply.media_type), *reply.headers]),
        "body": reply.body,
        "expires_at": parts.now() + lifetime,
    }
    db.execute(update(tables.idempotency).where(*_where(key)).values(values))


def release(parts: Parts, key: Key) -> None:
    """Forget a key whose request was refused."""
    with parts.store.begin() as db:
        db.execute(delete(tables.idempotency).where(*_where(key), tables.idempotency.c.status.is_(None)))


def _stored(db: Connection, parts: Parts, key: Key) -> Reply | None:
    row = one(db, select(tables.idempotency).where(*_where(key)), StoredRow)
    if row is None:
        return None
    if row.status is not None and row.expires_at <= parts.now():
        db.execute(delete(tables.idempotency).where(*_where(key)))
        return None
    if row.fingerprint != key.fingerprint:
        raise Refused("idempotency-key-reused")
    if row.status is None:
        raise Refused("idempotency-in-progress", headers=(("Retry-After", "1"),))
    headers = [(str(name), str(value)) for name, value in json.loads(row.headers or "[]")]
    return Reply(status=row.status, body=row.body or b"", media_type=headers[0][1], headers=tuple(headers[1:]))


def _where(key: Key) -> tuple[ColumnElement[bool], ...]:
    return (tables.idempotency.c.jkt == key.jkt, tables.idempotency.c.key_hash == key.key_hash)
