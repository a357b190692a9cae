"""What a signed file rests on, kept beside it: so that it can be verified again when everything else is gone.

It is python-tuf's workflow again, from a trusted root on, with the metadata that was kept in the place of a server.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from rocketvpn_sdk.files import disk_error
from rocketvpn_sdk.signed_files.metadata import MetadataStore, lay_out, well_named


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metadata of The Update Framework, as it was fetched, by file name. Nothing in it is personal."""

    roots: dict[str, str]
    """The chain that begins with the trusted root (``1.root.json``)."""
    metadata: dict[str, str]
    """``timestamp.json``, ``snapshot.json``, ``targets.json``, and those of the delegated roles up to the file."""


class Vouched(msgspec.Struct, frozen=True, kw_only=True):
    """A signed file, and what it rests on."""

    content: bytes
    evidence: Evidence


def evidence_of(roots: Mapping[str, bytes], metadata: Mapping[str, bytes]) -> Evidence:
    """Return verified metadata as text, which all of TUF's metadata is."""
    return Evidence(
        roots={name: content.decode() for name, content in roots.items()},
        metadata={name: content.decode() for name, content in metadata.items()},
    )


def good_until(evidence: Evidence) -> float:
    """Return when the first of the metadata expires, in seconds since the epoch; ``evidence`` was verified before."""
    newest = max(evidence.roots, key=lambda name: int(name.partition(".")[0]))
    texts = [evidence.roots[newest], *evidence.metadata.values()]
    return min(msgspec.json.decode(text, type=_Metadata).signed.expires.timestamp() for text in texts)


class _Signed(msgspec.Struct):
    expires: datetime


class _Metadata(msgspec.Struct):
    signed: _Signed


def verify(content: bytes, evidence: Evidence, *, path: str, root: bytes, at: float) -> None:
    """Verify that ``content`` was the signed file ``path`` at the time ``at``; needs no network.

    Args:
        content: the file.
        evidence: what was kept beside it.
        path: its name among the targets, ``folder/file``.
        root: the trusted root metadata; one that the operator published before the evidence was fetched.
        at: seconds since the epoch by which the metadata must not have expired (TUF §5.1).

    Raises:
        UpdateRefused: it was not, or the evidence does not show it; ``reason`` says why.
        ConfigurationError: ``root`` is no root metadata.
        VaultError: the system has no room for temporary files.
    """
    from rocketvpn_sdk.signed_files import workflow

    if not well_named(evidence.roots):
        raise workflow.refused("tampered")  # the names become names of files
    store = MetadataStore(_encoded(evidence.metadata))
    with _temporary() as folder, workflow.translated(folder):
        lay_out(folder, _encoded(evidence.roots))
        client = workflow.Client(
            work=folder,
            root=root,
            store=store,
            metadata=workflow.metadata_held(store),
            targets=lambda _name, _at_most: None,
            now=at,
        )
        info = client.find(path, at_most=len(content))
        # Nothing else may be in it: what no signature covers could say anything.
        if not workflow.is_genuine(info, content) or store.used.keys() != evidence.metadata.keys():
            raise workflow.refused("tampered")


@contextmanager
def _temporary() -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rocketvpn-", ignore_cleanup_errors=True))
        except OSError as error:  # no folder for such files, or none that can be written to
            raise disk_error(error, Path("the folder for temporary files")) from None
        yield Path(folder)


def _encoded(files: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode("utf-8", "replace") for name, text in files.items()}
