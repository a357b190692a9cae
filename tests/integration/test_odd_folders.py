"""Folders that are given relatively, renamed, shared with somebody else's files, or have odd things in our places."""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.doctor import examine
from rocketvpn_sdk.errors import ConfigurationError, RocketVPNError, SecretStoreUnavailable, VaultReadOnly, VaultUnsafe
from rocketvpn_sdk.testing import MemorySecrets

FILES = ("lock.db", "courier.lock")


def config(folder: Path, **more: Any) -> Config:
    return Config("https://localhost:9", "org.example.vpn", data_dir=folder, **{"secrets": MemorySecrets(), **more})


def log(rocket: RocketVPN, line: str) -> None:
    logger = logging.Logger("app")  # noqa: LOG001 - nobody else's
    logger.addHandler(rocket.journal.handler())
    logger.warning(line)
    rocket.journal.flush()


def lines(rocket: RocketVPN) -> list[str]:
    return [entry.fields["message"] for entry in rocket.journal.read(event="log.message")]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- a relative folder


@pytest.mark.parametrize("scope", ["logs", "account"])
def test_chdir_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str) -> None:
    monkeypatch.chdir(tmp_path)
    secrets = MemorySecrets()
    given = config(Path("data"), secrets=secrets)
    assert given.folder == tmp_path / "data"
    with RocketVPN.open(given) as rocket:
        monkeypatch.chdir("/")
        assert rocket.status().vault.folder == str(tmp_path / "data")
        log(rocket, "hello")
        outcome = rocket.rights.delete(rocket.rights.plan_delete(scope))
        assert (outcome.here.done, outcome.here.rotation_owed, outcome.server.problem) == (True, False, None)
    assert (tmp_path / "data").exists() is (scope == "logs")
    assert bool(secrets.names()) is (scope == "logs")


def test_a_passphrase_store_stays_where_it_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = config(Path("data"), secrets=PassphraseSecrets("horse", path=Path("the.key")))
    monkeypatch.chdir("/")
    RocketVPN.open(given).close()
    assert (tmp_path / "the.key").is_file()


# ---------------------------------------------------------------- a folder that is renamed while it is open


@pytest.mark.parametrize("secrets", [MemorySecrets, lambda: PassphraseSecrets("horse")])
@pytest.mark.parametrize("back", [True, False])
def test_what_is_deleted_in_a_renamed_folder_is_gone_and_the_rest_opens_again(
    tmp_path: Path, secrets: Callable[[], Any], back: bool
) -> None:
    kept = secrets()
    with RocketVPN.open(config(tmp_path / "data", secrets=kept)) as rocket:
        rocket.consent.declare_age(adult=True)
        log(rocket, "before")
        (tmp_path / "data").rename(tmp_path / "moved")
        outcome = rocket.rights.delete(rocket.rights.plan_delete("logs"))
        assert (outcome.here.done, outcome.here.rotation_owed) == (True, True)
        log(rocket, "after")
        assert lines(rocket) == ["after"]
    assert not (tmp_path / "data").exists()
    if back:
        (tmp_path / "moved").rename(tmp_path / "data")
    with RocketVPN.open(config(tmp_path / ("data" if back else "moved"), secrets=kept)) as rocket:
        assert (rocket.status().vault.rotation_owed_since, rocket.status().vault.generation) == (None, 2)
        assert lines(rocket) == ["after"]
        assert rocket.consent.state().adult
        rocket.verify()


@pytest.mark.parametrize("instead", [None, "a new vault"])
def test_a_deletion_says_that_the_folder_was_renamed_and_goes_on_once_it_is_back(
    tmp_path: Path, instead: str | None
) -> None:
    secrets = MemorySecrets()
    rocket = RocketVPN.open(config(tmp_path / "data", secrets=secrets))
    log(rocket, "mine")
    (tmp_path / "data").rename(tmp_path / "moved")
    if instead:
        with RocketVPN.open(config(tmp_path / "data")) as other:
            log(other, "theirs")
    before = files(tmp_path / "data")
    outcome = rocket.rights.delete(rocket.rights.plan_delete("account"))
    assert (outcome.here.done, outcome.server.problem) == (True, "vault-read-only")
    with pytest.raises(VaultReadOnly, match="moved or renamed while it was open") as caught:
        rocket.rights.forget_now()
    assert caught.value.cause == "moved"
    assert "old name" in caught.value.remedy
    assert (tmp_path / "moved" / "vault.db").exists()
    assert files(tmp_path / "data") == before
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    (tmp_path / "moved").rename(tmp_path / "data")
    rocket.rights.forget_now()
    rocket.close()
    assert not (tmp_path / "data").exists()
    assert secrets.names() == ()


def test_a_renamed_folder_makes_nobody_think_that_the_key_is_lost(tmp_path: Path) -> None:
    """Another process changed the key before the folder was renamed: its file is looked for under the old name."""
    given = config(tmp_path / "data", secrets=PassphraseSecrets("horse"))
    with RocketVPN.open(given) as rocket:
        with RocketVPN.open(given) as other:
            other.rights.delete(other.rights.plan_delete("logs"))
        (tmp_path / "data").rename(tmp_path / "moved")
        with pytest.raises(VaultReadOnly) as caught:
            list(rocket.journal.read())
        assert caught.value.cause == "moved"


# ---------------------------------------------------------------- reset


def test_reset_leaves_alone_what_never_was_a_vault(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "updates" / "2026").mkdir(parents=True)
    (project / "updates" / "2026" / "precious.txt").write_text("mine")
    (project / "updates" / "kept.json").write_text("mine too")
    project.chmod(0o755)
    RocketVPN.reset(config(project))
    assert files(project) == {"updates/2026/precious.txt": b"mine", "updates/kept.json": b"mine too"}
    assert stat.S_IMODE(project.stat().st_mode) == 0o755
    RocketVPN.reset(config(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_reset_takes_nothing_behind_a_link(tmp_path: Path) -> None:
    RocketVPN.open(config(tmp_path / "real")).close()
    (tmp_path / "real" / "updates").mkdir(mode=0o700)
    (tmp_path / "real" / "updates" / "kept.json").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    before = files(tmp_path / "real")
    with pytest.raises(VaultUnsafe):
        RocketVPN.reset(config(tmp_path / "link"))
    assert files(tmp_path / "real") == before


def test_reset_takes_ours_by_name_and_leaves_the_rest(tmp_path: Path) -> None:
    vault, secrets = tmp_path / "vault", MemorySecrets()
    RocketVPN.open(config(vault, secrets=secrets)).close()
    (vault / "updates" / "targets").mkdir(parents=True, mode=0o700)
    (vault / "updates").chmod(0o700)
    for name in ("kept.json", "targets/policy%2Fpolicy.json", "targets/notes.txt", "precious.txt"):
        (vault / "updates" / name).write_text("x")
    RocketVPN.reset(config(vault, secrets=secrets))
    assert set(files(vault)) == {"updates/targets/notes.txt", "updates/precious.txt"}
    assert secrets.names() == ()


# ---------------------------------------------------------------- what is in our places


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"\xff\xfe{", bytes(600), b"conflicted copy" * 60])
def test_what_was_written_into_a_lock_loses_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    given = config(tmp_path / "vault")
    with RocketVPN.open(given) as rocket:
        log(rocket, "whole")
    (tmp_path / "vault" / name).write_bytes(content)
    with RocketVPN.open(given) as rocket:
        assert lines(rocket) == ["whole"]
        (tmp_path / "vault" / name).write_bytes(content)  # and again while it is open
        rocket.sync()
        assert rocket.rights.delete(rocket.rights.plan_delete("logs")).here.rotation_owed is False
        rocket.verify()
    assert examine(given, online=False).sound
    (tmp_path / "vault" / name).write_bytes(content)
    RocketVPN.reset(given)
    assert not (tmp_path / "vault").exists()


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Path.mkdir, "a folder"), (os.mkfifo, "a pipe"), (lambda path: path.symlink_to(path), "a link")],
)
def test_what_is_in_the_place_of_the_passphrase_store_is_named(
    tmp_path: Path, kind: Callable[[Path], None], said: str
) -> None:
    (tmp_path / "vault").mkdir(mode=0o700)
    kind(tmp_path / "vault" / "root.key")
    with pytest.raises(SecretStoreUnavailable, match=rf"vault/root\.key: it is {said}, not a file") as caught:
        RocketVPN.open(config(tmp_path / "vault", secrets=PassphraseSecrets("horse")))
    assert "Move away" in caught.value.remedy


def test_what_is_in_the_place_of_its_unfinished_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "vault" / ".root.key.new").mkdir(mode=0o700, parents=True)
    (tmp_path / "vault").chmod(0o700)
    with pytest.raises(SecretStoreUnavailable, match=r"vault/\.root\.key\.new: ") as caught:
        RocketVPN.open(config(tmp_path / "vault", secrets=PassphraseSecrets("horse")))
    assert "Move away" in caught.value.remedy


def test_new_folders_above_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        RocketVPN.open(config(tmp_path / "a" / "b" / "vault")).close()
    finally:
        os.umask(before)
    made = (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "vault")
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}


# ---------------------------------------------------------------- the right cause


def looped(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop" / "vault"


def behind_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "vault"


def deep(folder: Path) -> Path:
    return folder.joinpath(*(["d" * 60] * 10))


@pytest.mark.parametrize(
    ("place", "cause", "said"),
    [
        (looped, "links", "in a circle"),
        (behind_a_file, "kind", "is not a folder"),
        (deep, "name", "its name is too long"),
        (lambda folder: folder / ("n" * 300), "name", "its name is too long"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    tmp_path: Path, place: Callable[[Path], Path], cause: str, said: str
) -> None:
    given = config(place(tmp_path))
    before = sorted(tmp_path.iterdir())
    for call in (RocketVPN.open, RocketVPN.reset):
        with pytest.raises(VaultReadOnly, match=said) as caught:
            call(given)
        assert caught.value.cause == cause
        assert caught.value.remedy in VaultReadOnly.REMEDIES.values()
    finding = examine(given, online=False).findings[0]
    assert (finding.state, said in finding.message, finding.remedy) == ("problem", True, caught.value.remedy)
    assert sorted(tmp_path.iterdir()) == before


def test_the_doctor_never_raises_what_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    monkeypatch.setattr("pwd.getpwuid", _unknown)
    finding = examine(Config("https://localhost:9", "org.example.vpn"), online=False).findings[0]
    assert (finding.check, finding.state, finding.code) == ("vault", "problem", "configuration-invalid")


def _unknown(number: int) -> None:
    raise KeyError(number)


@pytest.mark.parametrize("passphrase", ["pw\udce9", lambda: "pw\udce9"])
def test_a_passphrase_that_is_no_text_is_refused(tmp_path: Path, passphrase: Any) -> None:
    with pytest.raises(RocketVPNError, match=r"half of a character|not valid Unicode"):
        RocketVPN.open(config(tmp_path / "vault", secrets=PassphraseSecrets(passphrase)))
    assert not (tmp_path / "vault" / "root.key").exists()


def test_a_zero_character_is_a_passphrase_like_any(tmp_path: Path) -> None:
    RocketVPN.open(config(tmp_path / "vault", secrets=PassphraseSecrets("p\0w"))).close()
    with RocketVPN.open(config(tmp_path / "vault", secrets=PassphraseSecrets("p\0w"))) as rocket:
        assert rocket.status().vault.state == "unlocked"
    with pytest.raises(RocketVPNError, match="not the right one"):
        RocketVPN.open(config(tmp_path / "vault", secrets=PassphraseSecrets("p")))


@pytest.mark.parametrize("name", ["data_dir", "trust", "receipts", "policy", "trusted_root"])
@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_a_path_that_there_cannot_be_is_a_mistake_in_the_configuration(name: str, path: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        Config("https://localhost:9", "org.example.vpn", **{name: Path(path)})
    str(caught.value).encode()
