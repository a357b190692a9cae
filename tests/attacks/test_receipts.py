"""What someone who wants a receipt to say something else can do to it, on its way and in its file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, KeySet
from support.signed_files import Shelf, load, put, stranger, thief

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import ConfigurationError, ReceiptInvalid
from rocketvpn_sdk.rights import check_receipt_file, receipt_to_json
from rocketvpn_sdk.rights.outcome import Receipt
from rocketvpn_sdk.rights.receipts import RECEIPT_KEYS, check_receipt
from rocketvpn_sdk.sandbox.receipts import ReceiptSigner
from rocketvpn_sdk.testing import FakeClock

SERVER = "https://api.rocketvpn.example"
DAY = 86_400.0
pytestmark = pytest.mark.clause("A3")


class Operator:
    """An operator with a repository and a key for receipts, and a device that got one receipt."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        folder.mkdir()
        self.folder, self.clock = folder, clock
        self.signer = ReceiptSigner(folder)
        self.shelf = Shelf(folder / "shelf", clock)
        self.keys = msgspec.json.encode(self.signer.key_set()).decode()
        self.shelf.repository.publish({RECEIPT_KEYS: self.keys.encode()})
        self.claims = wire.ReceiptClaims(
            iss=SERVER,
            jti="request-1",
            iat=int(clock.time()),
            device_id="A" * 52,
            scope="account",
            erased=["contact_email", "order_number"],
            recipients_told=["operator"],
            held_back=[wire.HeldBack(field="payment_record", basis="law", until=msgspec.convert("2036-12-31", Any))],
        )
        self.claims = msgspec.convert(msgspec.to_builtins(self.claims), wire.ReceiptClaims)
        self.token = self.signer.sign(self.claims)

    @property
    def root(self) -> bytes:
        return self.shelf.repository.trusted_root.read_bytes()

    def receipt(self) -> Receipt:
        vouched = self.shelf.files("device").vouched(RECEIPT_KEYS)
        return self.check(self.token, evidence=vouched.evidence)

    def check(self, token: str, keys: str | None = None, **changes: Any) -> Receipt:
        good: dict[str, Any] = {
            "issuer": SERVER,
            "request_id": "request-1",
            "device_id": "A" * 52,
            "scope": "account",
            "requested_at": self.clock.time(),
            "now": self.clock.time(),
        }
        return check_receipt(token, self.keys if keys is None else keys, **(good | changes))

    def kept(self, **changes: Any) -> dict[str, Any]:
        """Return the file of the receipt as what JSON knows, with some members changed."""
        return json.loads(receipt_to_json(self.receipt())) | changes


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def operator(tmp_path: Path, clock: FakeClock) -> Operator:
    return Operator(tmp_path / "operator", clock)


@pytest.fixture
def check(tmp_path: Path, operator: Operator) -> Callable[..., Receipt]:
    """Return what checks a file with the given content."""

    def check(content: Any, **options: Any) -> Receipt:
        path = tmp_path / "receipt.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return check_receipt_file(path, **({"trusted_root": operator.root, "clock": operator.clock} | options))

    return check


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# ---------------------------------------------------------------- the token


def test_the_genuine_receipt_holds(operator: Operator, check: Callable[..., Receipt]) -> None:
    receipt = operator.receipt()
    assert receipt.claims == operator.claims
    assert receipt.vouched_by == "tuf"
    assert check(receipt_to_json(receipt), server=f"{SERVER}/") == receipt


ALTERED: dict[str, Any] = {
    "iss": "https://elsewhere.example",
    "jti": "request-2",
    "iat": 1,
    "device_id": "B" * 52,
    "scope": "device",
    "erased": ["contact_email", "order_number", "payment_record"],
    "recipients_told": ["everybody"],
    "held_back": [],
}


@pytest.mark.parametrize("claim", sorted(ALTERED))
def test_a_claim_altered_under_the_same_signature(
    operator: Operator, check: Callable[..., Receipt], claim: str
) -> None:
    header, payload, signature = operator.token.split(".")
    claims = json.loads(unb64(payload))
    assert set(claims) == set(ALTERED)
    altered = claims | {claim: ALTERED[claim]}
    token = f"{header}.{b64(json.dumps(altered).encode())}.{signature}"
    with pytest.raises(ReceiptInvalid, match="signature"):
        operator.check(token)
    with pytest.raises(ReceiptInvalid, match="signature"):
        check(operator.kept(token=token, claims=altered))
    with pytest.raises(ReceiptInvalid, match="something else"):
        check(operator.kept(claims=altered))  # what a person who opens the file would read


def test_no_character_of_the_token_can_be_another(operator: Operator) -> None:
    token = operator.token
    for place in range(len(token)):
        for letter in ("A", "_", ".", "é"):
            if token[place] != letter:
                with pytest.raises(ReceiptInvalid):
                    operator.check(token[:place] + letter + token[place + 1 :])


def test_another_string_of_the_same_bytes_is_another_token(operator: Operator) -> None:
    """The last character of a signature has four bits that decoding drops (RFC 4648 §3.5)."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    signature = operator.token.rpartition(".")[2]
    twins = [signature[:-1] + letter for letter in letters if unb64(signature[:-1] + letter) == unb64(signature)]
    assert len(twins) == 16
    for twin in twins:
        if twin != signature:
            with pytest.raises(ReceiptInvalid, match="form"):
                operator.check(operator.token[: -len(signature)] + twin)


@pytest.mark.parametrize("cut", [0, 1, 10, -1, -2, -86, -87])
def test_a_token_cut_short_or_made_longer(operator: Operator, cut: int) -> None:
    for token in (operator.token[:cut], operator.token + "A", operator.token + ".A", " " + operator.token):
        with pytest.raises(ReceiptInvalid):
            operator.check(token)


def test_alg_none(operator: Operator) -> None:
    payload = operator.token.split(".")[1]
    for alg in ("none", "None", "NONE", ""):
        header = b64(json.dumps({"typ": "erasure-receipt+jwt", "alg": alg, "kid": operator.signer.kid}).encode())
        for signature in ("", "A" * 86):
            with pytest.raises(ReceiptInvalid):
                operator.check(f"{header}.{payload}.{signature}")


def test_hs256_with_the_public_key_as_the_secret(operator: Operator) -> None:
    payload = operator.token.split(".")[1]
    header = b64(json.dumps({"typ": "erasure-receipt+jwt", "alg": "HS256", "kid": operator.signer.kid}).encode())
    public = ECKey.import_key(operator.signer.key_set()["keys"][0])
    for secret in (operator.keys.encode(), public.as_pem(private=False)):
        signature = b64(hmac.digest(secret, f"{header}.{payload}".encode(), hashlib.sha256))
        with pytest.raises(ReceiptInvalid):
            operator.check(f"{header}.{payload}.{signature}")


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "erasure-receipt+jwt", "crit": ["b64"], "b64": False},
        {"typ": "erasure-receipt+jwt", "jwk": {"kty": "EC"}},
        {"typ": "erasure-receipt+jwt", "jku": "https://elsewhere.example/keys"},
        {"typ": "erasure-receipt+jwt", "kid": None},
    ],
    ids=str,
)
def test_another_token_of_the_same_key_passes_for_none(operator: Operator, header: dict[str, Any]) -> None:
    """Whatever else the operator signs with that key is no receipt, nor is one whose header says more."""
    key = operator.signer._key
    full = {"alg": "ES256", "kid": operator.signer.kid} | header
    full = {name: value for name, value in full.items() if value is not None}
    signing_input = f"{b64(json.dumps(full).encode())}.{operator.token.split('.')[1]}"
    token = jws.serialize_compact({"alg": "ES256"}, b"x", key, algorithms=["ES256"])
    assert token.count(".") == 2
    signature = jws.JWSRegistry.algorithms["ES256"].sign(signing_input.encode(), key)
    with pytest.raises(ReceiptInvalid):
        operator.check(f"{signing_input}.{b64(signature)}")


def test_a_forger_with_a_key_of_their_own(operator: Operator, check: Callable[..., Receipt], tmp_path: Path) -> None:
    (tmp_path / "forger").mkdir()
    forger = ReceiptSigner(tmp_path / "forger")
    token = forger.sign(operator.claims)
    with pytest.raises(ReceiptInvalid, match="signature"):
        operator.check(token)
    forged = msgspec.json.encode(forger.key_set()).decode()
    both = json.dumps({"keys": [*forger.key_set()["keys"], *operator.signer.key_set()["keys"]]})
    for keys in (forged, both):  # the key set swapped: the signature holds, and the keys are nobody's
        with pytest.raises(ReceiptInvalid, match=r"tampered|oversize"):
            check(operator.kept(token=token, keys=keys))


def test_a_forger_says_that_the_keys_came_over_tls(operator: Operator, check: Callable[..., Receipt]) -> None:
    for change in ({"vouched_by": "tls"}, {"vouched_by": "tls", "evidence": None}, {"evidence": None}):
        with pytest.raises(ReceiptInvalid, match="TLS"):
            check(operator.kept(**change))


@pytest.mark.parametrize("keys", ["", "[]", "{}", '{"keys": []}', '{"keys": [1]}', '{"keys": {"kty": "EC"}}', "\ud800"])
def test_keys_that_are_none(operator: Operator, keys: str) -> None:
    with pytest.raises(ReceiptInvalid):
        operator.check(operator.token, keys)


# ---------------------------------------------------------------- somebody else's, or another time's


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"issuer": "https://elsewhere.example"}, "someone else"),
        ({"request_id": "request-2"}, "another request"),
        ({"device_id": "B" * 52}, "another device"),
        ({"scope": "device"}, "another scope"),
    ],
)
def test_a_genuine_receipt_replayed_for_something_else(
    operator: Operator, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ReceiptInvalid, match=problem):
        operator.check(operator.token, **change)


def test_a_receipt_from_before_the_request_or_from_the_future(
    operator: Operator, check: Callable[..., Receipt], clock: FakeClock
) -> None:
    with pytest.raises(ReceiptInvalid, match="date"):
        operator.check(operator.token, requested_at=clock.time() + 3600, now=clock.time() + 3600)
    with pytest.raises(ReceiptInvalid, match="date"):
        operator.check(operator.token, now=clock.time() - 3600)
    for at in (int(clock.time()) + 3600, 0, -1, -(10**18), 10**18):
        token = operator.signer.sign(msgspec.structs.replace(operator.claims, iat=at))
        claims = json.loads(unb64(token.split(".")[1]))
        with pytest.raises(ReceiptInvalid, match="date"):
            check(operator.kept(token=token, claims=claims))


def test_another_operator_s_receipt(operator: Operator, check: Callable[..., Receipt], tmp_path: Path) -> None:
    """TUF metadata of another root: everything in the file holds, for another operator."""
    other = Operator(tmp_path / "other", operator.clock)
    content = receipt_to_json(other.receipt())
    assert check(content, trusted_root=other.root).claims == other.claims
    with pytest.raises(ReceiptInvalid, match="signature"):
        check(content)
    with pytest.raises(ReceiptInvalid, match="someone else"):
        check(content, trusted_root=other.root, server="https://elsewhere.example")


# ---------------------------------------------------------------- the signed metadata


def test_metadata_that_had_expired_when_the_receipt_was_issued(
    operator: Operator, check: Callable[..., Receipt], clock: FakeClock
) -> None:
    """With a key that was given up, and metadata from when it was not, nothing newer can be signed."""
    old = operator.receipt()
    clock.advance(3 * DAY)
    token = operator.signer.sign(msgspec.structs.replace(operator.claims, iat=int(clock.time())))
    claims = json.loads(unb64(token.split(".")[1]))
    with pytest.raises(ReceiptInvalid, match="expired"):
        check(json.loads(receipt_to_json(old)) | {"token": token, "claims": claims})


def test_metadata_that_expired_since_is_no_objection(
    operator: Operator, check: Callable[..., Receipt], clock: FakeClock
) -> None:
    content = receipt_to_json(operator.receipt())
    clock.advance(3000 * DAY)
    assert check(content).claims == operator.claims


def test_a_root_and_keys_that_changed_since_are_no_objection(
    operator: Operator, check: Callable[..., Receipt], clock: FakeClock
) -> None:
    operator.shelf.repository.rotate_root("timestamp")
    content = receipt_to_json(operator.receipt())  # with a chain of two roots
    operator.shelf.repository.rotate_root("timestamp", "snapshot", "targets")
    operator.shelf.repository.publish({RECEIPT_KEYS: b'{"keys": []}'})
    assert sorted(json.loads(content)["evidence"]["roots"])[-1] == "2.root.json"
    assert check(content).claims == operator.claims


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_metadata_signed_by_a_stranger(operator: Operator, check: Callable[..., Receipt], role: str) -> None:
    kept = operator.kept()
    name = next(
        path.name
        for path in sorted((operator.shelf.folder / "server" / "metadata").iterdir(), reverse=True)
        if path.name.endswith(f"{role}.json")
    )
    signed = load(operator.shelf.folder / "server", name).signed
    signed.expires += timedelta(days=4000)
    kept["evidence"]["metadata"][f"{role}.json"] = put(
        operator.shelf.folder / "server", name, signed, stranger()
    ).decode()
    with pytest.raises(ReceiptInvalid, match="trusted root"):
        check(kept)


def test_a_stolen_timestamp_key_alone_signs_no_other_keys(operator: Operator, check: Callable[..., Receipt]) -> None:
    server = operator.shelf.folder / "server"
    kept = operator.kept(keys='{"keys": []}')
    signed = load(server, "timestamp.json").signed
    signed.version += 1
    kept["evidence"]["metadata"]["timestamp.json"] = put(
        server, "timestamp.json", signed, thief(server, "timestamp")
    ).decode()
    with pytest.raises(ReceiptInvalid):
        check(kept)


@pytest.mark.parametrize("part", ["timestamp.json", "snapshot.json", "targets.json"])
def test_metadata_that_is_missing_or_cut(operator: Operator, check: Callable[..., Receipt], part: str) -> None:
    for change in (None, "", "{}", "[" * 20_000, '{"signed": 1}'):
        kept = operator.kept()
        if change is None:
            del kept["evidence"]["metadata"][part]
        else:
            kept["evidence"]["metadata"][part] = change
        with pytest.raises(ReceiptInvalid):
            check(kept)


@pytest.mark.parametrize("name", ["../../root.json", "/etc/passwd", "0.root.json", "a/1.root.json", ""])
def test_names_that_would_leave_the_folder(
    operator: Operator, check: Callable[..., Receipt], name: str, tmp_path: Path
) -> None:
    for place in ("roots", "metadata"):
        kept = operator.kept()
        kept["evidence"][place][name] = "{}"
        with pytest.raises(ReceiptInvalid):
            check(kept)


def test_a_root_that_is_none_is_the_caller_s_mistake(operator: Operator, check: Callable[..., Receipt]) -> None:
    for root in (b"", b"{}", b"[" * 5000, operator.root[:-20]):
        with pytest.raises(ConfigurationError, match="root"):
            check(operator.kept(), trusted_root=root)


# ---------------------------------------------------------------- the file


def test_a_truncated_file(operator: Operator, check: Callable[..., Receipt]) -> None:
    content = receipt_to_json(operator.receipt())
    for end in (0, 1, len(content) // 2, len(content) - 3):
        with pytest.raises(ReceiptInvalid, match="file"):
            check(content[:end])


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 100_000,
        b'{"format":' * 50_000,
        b'{"claims":' + b'{"held_back":[' * 50_000,
        b'"' + b"A" * (5 << 20) + b'"',
        b"\xff\xfe{}",
        b"null",
        b"1e999999",
        b'{"format": "rocketvpn-erasure-receipt/2"}',
    ],
    ids=range(8),
)
def test_json_bombs_and_other_files(check: Callable[..., Receipt], bomb: bytes) -> None:
    with pytest.raises(ReceiptInvalid, match="file"):
        check(bomb)


def test_a_bomb_inside_the_token_or_the_keys(operator: Operator, check: Callable[..., Receipt]) -> None:
    payload = b64(b"[" * 30_000)
    header, _, signature = operator.token.split(".")
    deep = b64(b'{"alg":' * 50)
    for token in (f"{header}.{payload}.{signature}", f"{deep}.{payload}.{signature}", "A" * (1 << 20)):
        with pytest.raises(ReceiptInvalid):
            check(operator.kept(token=token))
    for keys in ("[" * 60_000, '{"keys":' * 5_000, '{"keys": [' + "{}," * 30_000 + "{}]}"):
        with pytest.raises(ReceiptInvalid):
            check(operator.kept(keys=keys))


def test_a_bomb_signed_by_the_operator_s_own_key(operator: Operator) -> None:
    key = operator.signer._key
    head = {"typ": "erasure-receipt+jwt", "alg": "ES256", "kid": operator.signer.kid}
    for payload in (b"[" * 30_000, b'{"erased": 1}', b"", b'{"iat": 1' + b"0" * 5000 + b"}"):
        token = jws.serialize_compact(head, payload, key, algorithms=["ES256"])
        with pytest.raises(ReceiptInvalid, match=r"content|form"):
            operator.check(token)


def test_a_member_that_nobody_knows(operator: Operator, check: Callable[..., Receipt]) -> None:
    with pytest.raises(ReceiptInvalid, match="file"):
        check(operator.kept(note="trust me"))


def test_a_file_that_is_not_there(tmp_path: Path, operator: Operator) -> None:
    with pytest.raises(ReceiptInvalid, match="cannot be read"):
        check_receipt_file(tmp_path / "nothing", trusted_root=operator.root)
    with pytest.raises(ConfigurationError, match="root"):
        check_receipt_file(tmp_path / "nothing", trusted_root=tmp_path / "no-root")


def test_a_key_set_with_other_kinds_of_keys_in_it(operator: Operator) -> None:
    """An operator may publish more than one kind; only the one that receipts have counts."""
    more = KeySet([ECKey.generate_key("P-256")]).as_dict()["keys"]
    keys = json.dumps({"keys": [{"kty": "PQ", "kid": "x"}, *more, *operator.signer.key_set()["keys"]]})
    assert operator.check(operator.token, keys).claims == operator.claims


@pytest.mark.timeout(20)
def test_nobody_waits_for_who_writes_into_a_pipe(tmp_path: Path, operator: Operator) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReceiptInvalid, match="pipe, not a file"):
        check_receipt_file(tmp_path / "pipe", trusted_root=operator.root)
    with pytest.raises(ConfigurationError, match="pipe, not a file"):
        check_receipt_file(tmp_path / "pipe", trusted_root=tmp_path / "pipe")
