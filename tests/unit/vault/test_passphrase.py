"""The passphrase store: the right passphrase opens it, nothing else does, and a crash leaves it whole."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from rocketvpn_sdk.errors import ConfigurationError, SecretCorrupt, SecretStoreLocked, SecretStoreUnavailable
from rocketvpn_sdk.vault import PassphraseSecrets, passphrase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = PassphraseSecrets("right", path=tmp_path / "root.key")
    store.set("vault/root", b"secret")
    return tmp_path / "root.key"


def test_the_file_is_private_and_shows_no_secret(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"secret" not in path.read_bytes()
    assert b"right" not in path.read_bytes()


def test_a_wrong_passphrase_is_locked_not_corrupt_and_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    wrong = PassphraseSecrets("wrong", path=path)
    for call in (lambda: wrong.get("vault/root"), lambda: wrong.set("x", b"")):
        with pytest.raises(SecretStoreLocked, match="passphrase"):
            call()
    assert path.read_bytes() == before


def test_a_new_file_takes_the_work_that_rfc_9106_recommends(tmp_path: Path) -> None:
    """In a process of its own, since the tests in this one go without most of that work."""
    make = "from rocketvpn_sdk.vault import PassphraseSecrets as S; S('right', path=Path(sys.argv[1])).set('x', b'y')"
    command = [sys.executable, "-c", f"import sys; from pathlib import Path; {make}", tmp_path / "root.key"]
    subprocess.run(command, check=True)
    cost = msgspec.json.decode((tmp_path / "root.key").read_bytes())["argon2id"]
    assert (cost["memory_kib"], cost["iterations"], cost["lanes"]) == (64 * 1024, 3, 4)
    assert PassphraseSecrets("right", path=tmp_path / "root.key").get("x") == b"y"


def test_an_entry_is_a_nonce_of_rfc_5116_the_secret_and_its_tag(path: Path) -> None:
    """Files that older versions wrote have to be read, and what this one writes by them."""
    (entry,) = msgspec.json.decode(path.read_bytes())["entries"].values()
    assert len(base64.b64decode(entry)) == 12 + len(b"secret") + 16


def test_deleting_needs_no_passphrase(path: Path) -> None:
    PassphraseSecrets("forgotten", path=path).delete("vault/root")
    assert not path.exists()


def test_attack_write_killed_half_way_leaves_no_root_behind(path: Path) -> None:
    """The unfinished file may hold the old root: it must not outlive the next deletion."""
    unfinished = path.with_name(passphrase.UNFINISHED)
    unfinished.write_bytes(path.read_bytes())
    store = PassphraseSecrets("right", path=path)
    store.set("vault/next", b"next")
    store.delete("vault/root")
    assert not unfinished.exists()
    assert store.get("vault/next") == b"next"
    unfinished.write_bytes(b"again")
    store.discard()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("entry", ["vault/root", "never set"])
def test_attack_write_killed_half_way_is_gone_with_a_deletion_alone(path: Path, entry: str) -> None:
    unfinished = path.with_name(passphrase.UNFINISHED)
    unfinished.write_bytes(path.read_bytes())
    PassphraseSecrets("right", path=path).delete(entry)
    assert not unfinished.exists()
    assert path.exists() == (entry == "never set")


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("memory_kib", 8),
        ("memory_kib", 19 * 1024 - 1),
        ("memory_kib", 1024 * 1024 + 1),
        ("iterations", 1),
        ("iterations", 17),
        ("lanes", 0),
        ("lanes", 17),
        ("salt", ""),
    ],
)
def test_attack_file_that_asks_for_too_little_work_or_too_much(path: Path, what: str, value: object) -> None:
    """Too little would let whoever gets the next file try passphrases at once; too much would take all the memory."""
    content = msgspec.json.decode(path.read_bytes())
    content["argon2id"][what] = value
    path.write_bytes(msgspec.json.encode(content))
    before = path.read_bytes()
    for call in (lambda store: store.get("vault/root"), lambda store: store.set("x", b"y")):
        with pytest.raises(SecretCorrupt):
            call(PassphraseSecrets("right", path=path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("theirs", ["right", "another"])
def test_a_file_that_was_made_anew_meanwhile_is_opened_by_its_own_salt(path: Path, theirs: str) -> None:
    mine, other = PassphraseSecrets("right", path=path), PassphraseSecrets(theirs, path=path)
    assert mine.get("vault/root") == b"secret"
    other.delete("vault/root")
    other.set("vault/new", b"new")
    if theirs == "right":
        assert mine.get("vault/new") == b"new"
        mine.set("vault/next", b"next")
        assert PassphraseSecrets("right", path=path).get("vault/next") == b"next"
    else:
        with pytest.raises(SecretStoreLocked):
            mine.get("vault/new")
        with pytest.raises(SecretStoreLocked):
            mine.set("vault/next", b"next")


def test_the_passphrase_is_asked_for_once(path: Path) -> None:
    asked = []
    store = PassphraseSecrets(lambda: asked.append(1) or "right", path=path)
    assert store.get("vault/root") == store.get("vault/root") == b"secret"
    assert len(asked) == 1


def test_the_file_goes_with_its_last_entry(path: Path) -> None:
    store = PassphraseSecrets("right", path=path)
    store.set("second", b"2")
    store.delete("vault/root")
    assert path.exists()
    store.delete("second")
    assert not path.exists()


def test_an_entry_moved_to_another_name_does_not_open(path: Path) -> None:
    content = msgspec.json.decode(path.read_bytes())
    content["entries"] = {"vault/other": content["entries"]["vault/root"]}
    path.write_bytes(msgspec.json.encode(content))
    with pytest.raises(SecretCorrupt):
        PassphraseSecrets("right", path=path).get("vault/other")


@pytest.mark.parametrize("text", [b"", b"{}", b"garbage", b'{"format":9}'])
def test_a_damaged_file_is_corrupt_and_stays_as_it_is(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    store = PassphraseSecrets("right", path=path)
    for call in (lambda: store.get("vault/root"), lambda: store.set("x", b"")):
        with pytest.raises(SecretCorrupt):
            call()
    assert path.read_bytes() == text


@pytest.mark.parametrize(
    ("name", "value"), [("memory_kib", 2**31), ("memory_kib", 1), ("iterations", 10**6), ("lanes", 0)]
)
def test_tampered_parameters_are_refused_before_they_cost_anything(path: Path, name: str, value: int) -> None:
    content = msgspec.json.decode(path.read_bytes())
    content["argon2id"][name] = value
    path.write_bytes(msgspec.json.encode(content))
    with pytest.raises(SecretCorrupt):
        PassphraseSecrets("right", path=path).get("vault/root")


def test_a_newer_format_is_refused(path: Path) -> None:
    content = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**content, "format": 2}))
    with pytest.raises(SecretCorrupt):
        PassphraseSecrets("right", path=path).get("vault/root")


def test_a_failed_write_leaves_the_old_file_and_no_litter(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()
    store = PassphraseSecrets("right", path=path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(passphrase.os, "fsync", full)
    with pytest.raises(SecretStoreUnavailable, match="No space left"):
        store.set("x", b"y")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["root.key"]


def test_a_folder_in_the_files_place_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SecretStoreUnavailable):
        PassphraseSecrets("right", path=tmp_path).get("x")


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [(MemoryError(), "memory", "too little memory"), (UnsupportedAlgorithm("Argon2id"), "library", "has no Argon2id")],
)
def test_a_machine_that_cannot_derive_a_key_is_told_why(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, cause: str, said: str
) -> None:
    def refuse(**_: object) -> None:
        raise error

    monkeypatch.setattr(passphrase, "Argon2id", refuse)
    with pytest.raises(SecretStoreUnavailable, match=said) as caught:
        PassphraseSecrets("right", path=path).get("vault/root")
    assert caught.value.remedy == SecretStoreUnavailable.REMEDIES[cause]


def test_an_empty_passphrase_or_no_place_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        PassphraseSecrets("")
    with pytest.raises(ConfigurationError, match="no file"):
        PassphraseSecrets("right").get("x")


def test_beside_a_vault_it_keeps_its_file_there(tmp_path: Path) -> None:
    PassphraseSecrets("right").beside(tmp_path).set("x", b"y")
    assert (tmp_path / "root.key").is_file()
