"""A receipt in a file, and checking it again when vault, device and server are gone: no network, no vault."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.clock import Clock, checked_clock
from rocketvpn_sdk.errors import ExportFailed, ReceiptInvalid, UpdateRefused, ValueRefused
from rocketvpn_sdk.files import make_folders, new_file, read_given, read_root, why
from rocketvpn_sdk.rights.outcome import Receipt
from rocketvpn_sdk.rights.receipts import RECEIPT_KEYS, SKEW, verified
from rocketvpn_sdk.signed_files.evidence import Evidence, verify
from rocketvpn_sdk.visible import escaped_json

_NAME = 16
_LARGEST = 4 << 20


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["rocketvpn-erasure-receipt/1"] = "rocketvpn-erasure-receipt/1"
    vouched_by: Literal["tuf", "tls"]
    claims: wire.ReceiptClaims
    """For people who open the file; what counts is in the token, and both must agree."""
    token: str
    keys: str
    evidence: Evidence | None


@checked
def receipt_to_json(receipt: Receipt) -> bytes:
    """Return ``receipt`` as the content of a file that ``check_receipt_file`` checks."""
    content = _File(
        vouched_by=receipt.vouched_by,
        claims=receipt.claims,
        token=receipt.token,
        keys=receipt.keys,
        evidence=receipt.evidence,
    )
    # (Defaults are written: the members that matter are there by name.)
    return escaped_json(msgspec.json.format(msgspec.json.encode(content), indent=2)) + b"\n"


def keep_receipt(receipt: Receipt, folder: Path) -> Path:
    """Write ``receipt`` into ``folder``, whole or not at all, mode 0600; once more, it is the same file.

    Its name says nothing about anyone: it is a part of the SHA-256 of what was signed.

    Raises:
        ExportFailed: the folder or the disk does not take it.
    """
    path = folder / f"erasure-receipt-{hashlib.sha256(receipt.token.encode()).hexdigest()[:_NAME]}.json"
    try:
        make_folders(folder)
    except FileExistsError:
        raise ExportFailed(folder=str(folder), problem="something else is in its place", cause="kind") from None
    except OSError as error:
        cause, problem = why(error)
        raise ExportFailed(folder=str(folder), problem=problem, cause=cause) from None
    try:
        with new_file(path, overwrite=True) as file:
            file.write(receipt_to_json(receipt))
    except ValueRefused as refused:  # a folder by that name
        raise ExportFailed(folder=str(folder), problem=refused.params["problem"]) from None
    return path


@checked
def check_receipt_file(
    path: Path, *, trusted_root: Path | bytes, server: str | None = None, clock: Clock | None = None
) -> Receipt:
    """Check a kept receipt again, and return it. Needs no network, no vault and no device.

    The keys are judged as they were when the receipt was issued: metadata that has expired since is no objection. What
    it proves is that the operator said so then; that it is true, nobody can check.

    Args:
        path: the file that was kept.
        trusted_root: the operator's TUF root metadata, or the file of it; not from the same hands as the receipt.
        server: the operator's address, where it is known: the receipt must name it.
        clock: the time: a receipt of the future is none.

    Raises:
        ReceiptInvalid: it proves nothing; ``problem`` says why.
        ConfigurationError: ``trusted_root`` is not root metadata.
    """
    root = trusted_root if isinstance(trusted_root, bytes) else read_root(trusted_root)
    try:
        content = read_given(path, _LARGEST)
    except OSError as error:
        raise ReceiptInvalid(problem=f"its file cannot be read ({why(error, reading=True)[1]})") from None
    except ValueError:  # a name that no file can have
        raise ReceiptInvalid(problem="its file cannot be read (no file can have that name)") from None
    return check_kept(content, root=root, server=server, now=checked_clock(clock).time())


def check_kept(content: bytes, *, root: bytes, server: str | None, now: float) -> Receipt:
    """Check the content of a receipt's file; see ``check_receipt_file``."""
    kept = _decoded(content)
    claims = verified(kept.token, kept.keys)
    if claims != kept.claims:
        raise ReceiptInvalid(problem="the file says something else than what was signed")
    if not 0 < claims.iat <= now + SKEW:
        raise ReceiptInvalid(problem="its date does not fit")
    if server is not None and claims.iss != server.rstrip("/"):
        raise ReceiptInvalid(problem="it comes from someone else")
    if kept.vouched_by != "tuf" or kept.evidence is None:
        raise ReceiptInvalid(problem="its keys came over TLS, and nothing in the file says whose they are")
    try:
        verify(kept.keys.encode(), kept.evidence, path=RECEIPT_KEYS, root=root, at=claims.iat)
    except UpdateRefused as refused:
        problem = f"its keys are not the operator's, as far as the trusted root says ({refused.params['reason']})"
        raise ReceiptInvalid(problem=problem) from None
    return Receipt(token=kept.token, keys=kept.keys, claims=claims, vouched_by="tuf", evidence=kept.evidence)


def _decoded(content: bytes) -> _File:
    if len(content) <= _LARGEST:
        try:
            return msgspec.json.decode(content, type=_File)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # what a library says of it would repeat values
    raise ReceiptInvalid(problem="its file is not one that this software wrote, or is damaged")
