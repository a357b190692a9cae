"""The passphrase store where the disk fails at any step, and where its file is not the one it knew."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rocketvpn_sdk.errors import SecretCorrupt, SecretStoreError, SecretStoreLocked, SecretStoreUnavailable
from rocketvpn_sdk.vault import PassphraseSecrets, passphrase

CALLS = ("open", "fsync", "replace", "unlink", "lstat")
"""All that reading, writing and removing a file come down to."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    PassphraseSecrets("right", path=tmp_path / "root.key").set("vault/root", b"secret")
    return tmp_path / "root.key"


class FailsAt:
    """Counts the disk's calls, and lets the n-th fail."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int, error: int) -> None:
        self.calls, self._at, self._error = 0, at, error
        for name in CALLS:
            patch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls == self._at:
                raise OSError(self._error, os.strerror(self._error))
            return call(*arguments, **named)

        return counted

    @property
    def failed(self) -> bool:
        return self.calls >= self._at


def held(path: Path) -> dict[str, bytes | None]:
    fresh = PassphraseSecrets("right", path=path)
    return {name: fresh.get(name) for name in ("vault/root", "vault/next")}


ROOT, BOTH = {"vault/root": b"secret", "vault/next": None}, {"vault/root": b"secret", "vault/next": b"next"}
NEXT, NONE = {"vault/root": None, "vault/next": b"next"}, {"vault/root": None, "vault/next": None}


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a key cost nothing: it is derived a hundred times here."""

    def derive(self: passphrase.Argon2Parameters, said: str) -> bytes:
        return hashlib.sha256(self.salt + said.encode()).digest()

    monkeypatch.setattr(passphrase.Argon2Parameters, "derive", derive)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        (lambda store: store.set("vault/next", b"next"), ROOT, BOTH),
        (lambda store: store.delete("vault/root"), BOTH, NEXT),
        (lambda store: store.delete("vault/root"), ROOT, NONE),
        (lambda store: store.discard(), ROOT, NONE),
    ],
    ids=["set", "delete one", "delete the last", "discard"],
)
def test_whatever_step_fails_all_is_as_before_or_done_and_asking_again_does_it(
    tmp_path: Path, act: Callable[[PassphraseSecrets], None], before: dict[str, bytes], after: object, error: int
) -> None:
    stops, at = 0, 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        path = folder / "root.key"
        store = PassphraseSecrets("right", path=path)
        for name, secret in before.items():
            if secret is not None:
                store.set(name, secret)
        path.with_name(passphrase.UNFINISHED).write_bytes(b"of a write that was killed")
        with pytest.MonkeyPatch.context() as patch:
            disk = FailsAt(patch, at, error)
            try:
                act(store)
            except SecretStoreUnavailable as caught:
                assert caught.params["problem"]  # noqa: PT017 - most moments raise, and the last one does not
                stops += 1
        assert held(path) in (before, after)
        if not disk.failed:
            break
        act(store)
        assert held(path) == after
        assert [file.name for file in folder.iterdir()] in ([], ["root.key"])
    assert held(path) == after
    assert stops >= 2


@pytest.mark.parametrize("delete", ["vault/other", "vault/root"])
def test_attack_an_unfinished_file_goes_with_any_deletion_also_of_what_the_store_does_not_have(
    path: Path, delete: str
) -> None:
    """It may hold the very root that is to be gone, while the file itself never had it."""
    unfinished = path.with_name(passphrase.UNFINISHED)
    unfinished.write_bytes(path.read_bytes())
    PassphraseSecrets("right", path=path).delete(delete)
    assert not unfinished.exists()


@pytest.mark.parametrize(
    ("name", "least", "most"), [("memory_kib", 19 * 1024, 1024 * 1024), ("iterations", 2, 16), ("lanes", 1, 16)]
)
def test_attack_a_file_may_neither_ask_for_less_work_than_owasp_says_nor_for_more_than_there_is(
    path: Path, name: str, least: int, most: int
) -> None:
    """The bounds themselves are told from one beyond them by what is said: refused, or only not the right key."""
    content = json.loads(path.read_bytes())
    for value in (least - 1, most + 1):
        content["argon2id"][name] = value
        path.write_text(json.dumps(content))
        with pytest.raises(SecretCorrupt):
            PassphraseSecrets("right", path=path).get("vault/root")
    content["argon2id"][name] = least
    path.write_text(json.dumps(content))
    if name != "memory_kib" and least != 2:
        with pytest.raises(SecretStoreLocked):
            PassphraseSecrets("right", path=path).get("vault/root")
    else:  # what the tests' own files are made with
        assert PassphraseSecrets("right", path=path).get("vault/root") == b"secret"


@pytest.mark.parametrize("size", [15, 65])
def test_attack_a_salt_of_another_size_is_refused(path: Path, size: int) -> None:
    content = json.loads(path.read_bytes())
    content["argon2id"]["salt"] = base64.b64encode(bytes(size)).decode()
    path.write_text(json.dumps(content))
    with pytest.raises(SecretCorrupt):
        PassphraseSecrets("right", path=path).get("vault/root")


def test_a_file_that_was_made_anew_meanwhile_is_opened_with_its_own_key(path: Path) -> None:
    """Another process removed it and made a new one: other salt, same passphrase."""
    store = PassphraseSecrets("right", path=path)
    assert store.get("vault/root") == b"secret"
    other = PassphraseSecrets("right", path=path)
    other.discard()
    other.set("vault/root", b"new")
    assert store.get("vault/root") == b"new"
    store.set("vault/next", b"next")
    assert held(path) == {"vault/root": b"new", "vault/next": b"next"}


def test_a_file_of_another_passphrase_is_locked_and_stays_as_it_is(path: Path) -> None:
    store = PassphraseSecrets("right", path=path)
    assert store.get("vault/root") == b"secret"
    path.unlink()
    PassphraseSecrets("another", path=path).set("vault/root", b"new")
    text = path.read_bytes()
    for call in (lambda: store.get("vault/root"), lambda: store.set("vault/next", b"next")):
        with pytest.raises(SecretStoreLocked):
            call()
    assert path.read_bytes() == text


@pytest.mark.parametrize("answer", [None, "", b"right", 5, "\ud800"])
def test_an_answer_that_is_no_passphrase_locks_and_makes_no_file(tmp_path: Path, answer: Any) -> None:
    with pytest.raises(SecretStoreLocked):
        PassphraseSecrets(lambda: answer, path=tmp_path / "root.key").set("vault/root", b"secret")
    assert list(tmp_path.iterdir()) == []


def test_an_app_whose_dialog_breaks_is_not_quoted(tmp_path: Path) -> None:
    def asks() -> str:
        raise ValueError("hunter2")

    with pytest.raises(SecretStoreError) as caught:
        PassphraseSecrets(asks, path=tmp_path / "root.key").set("vault/root", b"secret")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or "hunter2" not in repr(caught.value.__context__)
