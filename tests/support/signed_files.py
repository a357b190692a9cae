"""A device that fetches signed files, and what an attacker does to a repository: from between, or with stolen keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Signed

from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.errors import AnswerTooLarge, ServerUnreachable
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.tuf_repository import Repository
from rocketvpn_sdk.signed_files import TrustedFiles, beside
from rocketvpn_sdk.transport import Api, tls_context
from support.calls import PATIENT, api_at

POLICY = "policy/policy.json"
LIMITS = PATIENT


def no_network(operation: str, /, *, path: Mapping[str, str], at_most: int) -> bytes | None:
    """Stand for a device without a connection."""
    raise ServerUnreachable(host="localhost", problem="no connection")


def files_in(vault: Path, root: bytes, fetch: Any, clock: Clock, limits: Limits = LIMITS) -> TrustedFiles:
    vault.mkdir(mode=0o700, parents=True, exist_ok=True)
    return TrustedFiles(folder=beside(vault), trusted_root=root, fetch=fetch, now=clock.time, limits=limits)


class Device:
    """A device of ``sandbox``, over real TLS, with an empty vault in memory and a real folder."""

    def __init__(
        self, sandbox: Sandbox, vault: Path, clock: Clock, *, server: str | None = None, limits: Limits = LIMITS
    ) -> None:
        self.vault, self.clock = vault, clock
        self.root = sandbox.trusted_root.read_bytes()
        context = tls_context(trust=sandbox.ca_file)
        self.api: Api = api_at(server or sandbox.url, context, clock=clock, limits=limits)
        self.files = files_in(vault, self.root, self.api.fetch, clock, limits)

    def refresh(self) -> None:
        self.files.refresh()

    def policy(self) -> bytes:
        return self.files.read(POLICY)

    def offline(self) -> TrustedFiles:
        """Return the same files, read without a connection."""
        return files_in(self.vault, self.root, no_network, self.clock)


class Shelf:
    """A repository and devices, without a network between them: quick, and each call can be made to go wrong."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        folder.mkdir(exist_ok=True)
        self.repository = Repository(folder / "server", clock)
        self.repository.publish({POLICY: b'{"version":1}'})
        self.asked: list[str] = []
        self.instead: dict[str, Callable[[], bytes | None]] = {}
        """What is answered in the place of a file, by the end of its name."""

    def fetch(self, operation: str, /, *, path: Mapping[str, str], at_most: int) -> bytes | None:
        kind = {"tuf.metadata": "metadata", "tuf.target": "targets"}[operation]
        self.asked.append("/".join(path.values()))
        for name, answer in self.instead.items():
            if self.asked[-1].endswith(name):
                return answer()
        content = self.repository.read(kind, *path.values())  # type: ignore[arg-type] # one of the two
        if content is not None and len(content) > at_most:
            raise AnswerTooLarge(operation=operation, status=200, problem="it is too large")
        return content

    def files(self, name: str = "vault", fetch: Any = None, limits: Limits = LIMITS) -> TrustedFiles:
        root = self.repository.trusted_root.read_bytes()
        return files_in(self.folder / name, root, fetch or self.fetch, self.clock, limits)


# ---------------------------------------------------------------- attackers


def thief(repository: Path, role: str) -> CryptoSigner:
    """Return the (first) key of ``role``, stolen from the operator."""
    newest = max((repository / "metadata").glob("*.root.json"), key=lambda path: int(path.name.partition(".")[0]))
    root = Metadata[Root].from_file(str(newest)).signed
    key_id = root.roles[role].keyids[0]
    pem = (repository / "keys" / f"{key_id}.pem").read_bytes()
    return CryptoSigner(load_pem_private_key(pem, password=None))


def stranger() -> CryptoSigner:
    """Return a key that the operator never saw."""
    return CryptoSigner.generate_ed25519()


def load(repository: Path, name: str) -> Metadata[Any]:
    return Metadata.from_file(str(repository / "metadata" / name))


def put(repository: Path, name: str, signed: Signed, *signers: CryptoSigner) -> bytes:
    """Serve ``signed`` as ``name``, signed by ``signers``."""
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    content = metadata.to_bytes()
    (repository / "metadata" / name).write_bytes(content)
    return content


def version_of(repository: Path, role: str) -> int:
    """Return the version of ``role`` that the repository serves now."""
    timestamp = json.loads((repository / "metadata" / "timestamp.json").read_bytes())["signed"]
    if role == "timestamp":
        return int(timestamp["version"])
    snapshot = int(timestamp["meta"]["snapshot.json"]["version"])
    if role == "snapshot":
        return snapshot
    held = json.loads((repository / "metadata" / f"{snapshot}.snapshot.json").read_bytes())["signed"]
    return int(held["meta"]["targets.json"]["version"])
