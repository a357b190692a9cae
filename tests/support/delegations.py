"""A repository whose targets delegate to other roles (TUF §4.5): made by hand, signed, and served from its folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, MetaFile, SuccinctRoles, TargetFile, Targets

from support.signed_files import load, put, stranger, thief, version_of

TOP = "targets"


class Delegator:
    """Adds roles to the repository in ``folder`` (``Shelf``'s, or a sandbox's), with the operator's own keys.

    Nothing is served before ``serve``. Tests change ``roles`` and ``signers`` to what they need.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        top = load(folder, f"{version_of(folder, TOP)}.targets.json").signed
        self.roles: dict[str, Targets] = {TOP: top}
        self.signers: dict[str, list[CryptoSigner]] = {TOP: [thief(folder, TOP)]}
        self.meta: dict[str, MetaFile] = {}
        """What the snapshot says of each role; ``serve`` fills in what it signs."""

    def delegate(self, parent: str, name: str, *paths: str, keys: int = 1, threshold: int = 1, **more: Any) -> None:
        """Let ``parent`` delegate to ``name``; ``more``: ``terminating``, ``path_hash_prefixes``."""
        role = DelegatedRole(name, [], threshold, more.pop("terminating", False), list(paths) or None, **more)
        delegations = self._delegations(parent)
        assert delegations.roles is not None
        delegations.roles[name] = role
        self.signers[name] = [stranger() for _ in range(keys)]
        for signer in self.signers[name]:
            self.roles[parent].add_key(signer.public_key, name)
        self._add_role(name)

    def bins(self, parent: str, prefix: str, bits: int, files: Mapping[str, bytes]) -> None:
        """Let ``parent`` delegate to 2**``bits`` hash bins, and put each file into its own."""
        signer = stranger()
        bins = SuccinctRoles([], 1, bits, prefix)
        self.roles[parent].delegations = Delegations({}, succinct_roles=bins)
        self.roles[parent].add_key(signer.public_key)
        for path, content in files.items():
            name = bins.get_role_for_target(path)
            self.signers[name] = [signer]
            self._add_role(name)
            self.add(name, path, content)

    def rotate(self, parent: str, name: str) -> CryptoSigner:
        """Let ``parent`` give ``name`` another key; return the one that no longer counts."""
        old = self.signers[name][0]
        self.roles[parent].revoke_key(old.public_key.keyid, name)
        self.signers[name] = [stranger()]
        self.roles[parent].add_key(self.signers[name][0].public_key, name)
        return old

    def add(self, role: str, path: str, content: bytes) -> None:
        """Let ``role`` list the file ``path``, and serve its content."""
        target = TargetFile.from_data(path, content, ["sha256"])
        self.roles[role].targets[path] = target
        folder, _, file = path.partition("/")
        (self._folder / "targets" / folder).mkdir(exist_ok=True)
        (self._folder / "targets" / folder / f"{target.hashes['sha256']}.{file}").write_bytes(content)

    def serve(self, *roles: str, hashes: bool = True) -> None:
        """Sign and serve a new version of ``roles``, or of all; then of the snapshot and the timestamp.

        Args:
            hashes: whether the snapshot has their hashes, or their versions only (§4.4 allows both).
        """
        for name in roles or tuple(self.roles):
            content = self.sign(name)
            version = self.roles[name].version
            self.meta[f"{name}.json"] = (
                MetaFile.from_data(version, content, ["sha256"]) if hashes else MetaFile(version)
            )
        self.serve_snapshot(self.meta)

    def sign(self, name: str, signers: Iterable[CryptoSigner] | None = None) -> bytes:
        """Sign and serve a new version of the role ``name``, and let no snapshot name it yet."""
        self.roles[name].version += 1
        signers = self.signers[name] if signers is None else signers
        file = f"{self.roles[name].version}.{quote(name, safe='')}.json"
        return put(self._folder, file, self.roles[name], *signers)

    def serve_raw(self, name: str, changes: Mapping[str, Any]) -> None:
        """Serve the role ``name`` with members that no library would write, and sign it properly."""
        signed = self.roles[name].to_dict() | {"version": self.roles[name].version + 1} | changes
        self.roles[name].version += 1
        signature = self.signers[name][0].sign(encode_canonical(signed).encode())
        content = json.dumps({"signed": signed, "signatures": [signature.to_dict()]}).encode()
        (self._folder / "metadata" / f"{signed['version']}.{name}.json").write_bytes(content)
        self.meta[f"{name}.json"] = MetaFile(signed["version"])
        self.serve(TOP)

    def serve_snapshot(self, meta: Mapping[str, MetaFile], *, without: str = "") -> None:
        """Serve a new snapshot, in which ``meta`` is replaced, and a timestamp for it."""
        version = version_of(self._folder, "snapshot")
        snapshot = load(self._folder, f"{version}.snapshot.json").signed
        snapshot.version = version + 1
        snapshot.meta.update(meta)
        snapshot.meta.pop(without, None)
        content = put(self._folder, f"{version + 1}.snapshot.json", snapshot, thief(self._folder, "snapshot"))
        timestamp = load(self._folder, "timestamp.json").signed
        timestamp.version += 1
        timestamp.snapshot_meta = MetaFile.from_data(version + 1, content, ["sha256"])
        put(self._folder, "timestamp.json", timestamp, thief(self._folder, "timestamp"))

    @property
    def expires(self) -> datetime:
        """Until when a new role is good: as long as the top-level targets."""
        return self.roles[TOP].expires

    def _add_role(self, name: str) -> None:
        if name not in self.roles:
            self.roles[name] = Targets(expires=self.expires)
            self.roles[name].version = 0  # signing counts from here

    def _delegations(self, parent: str) -> Delegations:
        if self.roles[parent].delegations is None:
            self.roles[parent].delegations = Delegations({}, {})
        delegations = self.roles[parent].delegations
        assert delegations is not None
        return delegations
