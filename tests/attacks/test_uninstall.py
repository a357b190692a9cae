"""An uninstaller finds and removes what an app left, of one user and of all, and nothing else."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine

from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN, uninstall
from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.errors import AdministratorNeeded, ConfigurationError
from rocketvpn_sdk.platforms import users

pytestmark = pytest.mark.clause("R1")
APP = "org.example.uninstalled"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / APP


def made(profile: str = "default", app: str = APP, passphrase: str | None = "a long passphrase") -> Path:
    secrets = PassphraseSecrets(passphrase) if passphrase else None
    config = Config("https://localhost", app, profile=profile, secrets=secrets)
    with RocketVPN.open(config) as rocket:
        rocket.consent.declare_age(adult=True)
    return config.folder


def test_every_profile_is_found_listed_and_removed(data: Path) -> None:
    folders = [made("home"), made("work")]
    found = uninstall.find(APP)
    assert [vault.folder for vault in found.vaults] == [str(folder) for folder in folders]
    assert [vault.profile for vault in found.vaults] == ["home", "work"]
    assert {vault.secrets for vault in found.vaults} == {"passphrase"}
    assert all(folder.exists() for folder in folders), "looking changes nothing"
    assert uninstall.remove(APP) == found
    assert not data.exists()
    assert uninstall.find(APP) == uninstall.remove(APP) == uninstall.Installations()


@pytest.mark.component("keyring")
def test_what_is_in_the_keyring_goes_too(data: Path) -> None:
    import secretstorage

    def entries() -> set[str]:
        with secretstorage.dbus_init() as bus:
            return {item.get_label() for item in secretstorage.get_default_collection(bus).get_all_items()}

    before = entries()
    made(passphrase=None)
    assert entries() > before
    (vault,) = uninstall.remove(APP).vaults
    assert vault.secrets == "keyring"
    assert entries() == before
    assert not data.exists()


def test_what_is_another_app_s_or_no_vault_stays(data: Path) -> None:
    mine, other = made(), made(app="org.example.other")
    (data / "rocketvpn" / "notes").mkdir()
    (data / "rocketvpn" / "notes" / "mine.txt").write_text("mine")
    uninstall.remove(APP)
    assert not mine.exists()
    assert other.exists()
    assert (data / "rocketvpn" / "notes" / "mine.txt").read_text() == "mine"


def test_attack_a_profile_that_is_a_link(data: Path) -> None:
    other = made(app="org.example.other")
    made()
    (data / "rocketvpn" / "linked").symlink_to(other)
    assert [vault.profile for vault in uninstall.remove(APP).vaults] == ["default"]
    assert (other / "vault.db").exists()


@pytest.mark.parametrize("stray", [".DS_Store", "notes", os.fsdecode(b"b\xff"), "a b"])
@pytest.mark.parametrize("kind", [Path.touch, Path.mkdir])
def test_attack_what_lies_beside_the_profiles_hides_none_of_them(
    data: Path, stray: str, kind: Callable[[Path], None]
) -> None:
    made()
    kind(data / "rocketvpn" / stray)
    if kind is Path.mkdir and stray != "notes":
        (data / "rocketvpn" / stray / "lock.db").touch()  # no profile can have such a name
    done = uninstall.remove(APP)
    assert ([vault.profile for vault in done.vaults], done.left) == (["default"], ())
    assert (data / "rocketvpn" / stray).exists()


def put_back(folder: Path, whole: bytes) -> None:
    """Remove what the test left in the keyring, by the file that knows its name."""
    folder.mkdir(mode=0o700, parents=True)
    for name, content in (("lock.db", b""), ("vault.db", whole)):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    assert uninstall.remove(APP).left == ()


@pytest.mark.component("keyring")
def test_attack_a_file_that_was_damaged_so_that_its_key_stays_unseen(data: Path) -> None:
    """Whoever is told that the keys went with the files must be able to rely on it."""
    folder = made(passphrase=None)
    whole = (folder / "vault.db").read_bytes()
    (folder / "vault.db").write_bytes(b"no database")
    done = uninstall.remove(APP)
    put_back(folder, whole)
    assert [vault.profile for vault in done.vaults] == ["default"]
    assert [(left.folder, left.code) for left in done.left] == [(str(folder), "unknown")]


def test_a_damaged_vault_is_removed_as_well(data: Path) -> None:
    folder = made()
    (folder / "vault.db").write_bytes(b"no database")
    assert len(uninstall.remove(APP).vaults) == 1
    assert not folder.exists()


def test_an_app_id_that_cannot_be_one(data: Path) -> None:
    with pytest.raises(ConfigurationError):
        uninstall.find("../../etc")


# ---------------------------------------------------------------- of all users


@pytest.mark.skipif(os.geteuid() == 0, reason="an administrator may")
def test_a_user_may_not_look_at_others() -> None:
    with pytest.raises(AdministratorNeeded):
        uninstall.find(APP, everyone=True)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, users.User]]:
    """Two real users of this machine, with homes of their own in a temporary folder that both can reach."""
    if os.geteuid() != 0:
        pytest.skip("only an administrator can become somebody else")
    place = Path(tempfile.mkdtemp())
    place.chmod(0o711)
    found = {}
    for name in ("nobody", "daemon"):
        entry, home = pwd.getpwnam(name), place / name
        home.mkdir(mode=0o700)
        os.chown(home, entry.pw_uid, entry.pw_gid)
        found[name] = users.User(name, entry.pw_uid, entry.pw_gid, str(home))
    monkeypatch.setattr(uninstall, "users", lambda: tuple(found.values()))
    yield found
    shutil.rmtree(place)


def in_home_of(user: users.User, work: Callable[[], object]) -> None:
    def told() -> bytes:
        work()
        return b"done"

    assert users.as_user(user, told) == b"done"


def test_everybody_s_vaults_are_found_and_removed_by_their_owners(people: dict[str, users.User]) -> None:
    for user in people.values():
        in_home_of(user, made)
    found = uninstall.find(APP, everyone=True)
    assert [(vault.user, vault.profile) for vault in found.vaults] == [("nobody", "default"), ("daemon", "default")]
    assert found.left == ()
    for vault in found.vaults:
        assert vault.folder.startswith(people[vault.user].home)
        assert Path(vault.folder).stat().st_uid == people[vault.user].id
    assert uninstall.remove(APP, everyone=True) == found
    assert not any(Path(vault.folder).exists() for vault in found.vaults)


def test_attack_a_user_links_their_folder_to_what_is_root_s(people: dict[str, users.User]) -> None:
    """The uninstaller has an administrator's rights; what it removes for a user it removes with the user's own."""
    target = Path(people["nobody"].home).parent / "root's"
    target.mkdir(mode=0o755)
    for name in ("vault.db", "lock.db", "root.key"):
        (target / name).write_bytes(b"root's own")
    user = people["nobody"]
    share = Path(user.home, ".local", "share", APP)

    def plant() -> None:
        share.mkdir(parents=True)
        (share / "rocketvpn").symlink_to(target.parent)

    in_home_of(user, plant)
    assert uninstall.remove(APP, everyone=True).vaults == ()

    def plant_profile() -> None:
        (share / "rocketvpn").unlink()
        (share / "rocketvpn").mkdir()
        (share / "rocketvpn" / "default").mkdir()
        for name in ("vault.db", "lock.db", "root.key"):
            (share / "rocketvpn" / "default" / name).symlink_to(target / name)

    in_home_of(user, plant_profile)
    uninstall.remove(APP, everyone=True)
    assert {path.read_bytes() for path in target.iterdir()} == {b"root's own"}


def test_attack_one_profile_that_cannot_be_looked_into_hides_no_other(people: dict[str, users.User]) -> None:
    user = people["daemon"]
    for profile in ("default", "second"):
        in_home_of(user, lambda profile=profile: made(profile))
    closed = Path(user.home, ".local", "share", APP, "rocketvpn", "default")
    closed.chmod(0)
    done = uninstall.remove(APP, everyone=True)
    assert [vault.profile for vault in done.vaults] == ["second"]
    assert [(left.user, left.folder) for left in done.left] == [("daemon", str(closed))]


def test_attack_a_user_stops_the_process_that_has_their_rights(
    people: dict[str, users.User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may stop their own processes: the uninstaller goes on with the next user."""
    monkeypatch.setattr(users, "_PATIENCE", 0.2)

    def stopped() -> bytes:
        os.kill(os.getpid(), signal.SIGSTOP)
        return b"never"

    assert users.as_user(people["nobody"], stopped) == b""
    in_home_of(people["daemon"], lambda: None)


def test_attack_an_interrupt_in_the_process_of_a_user_lets_no_second_one_go_on(people: dict[str, users.User]) -> None:
    def interrupted() -> bytes:
        os.kill(os.getpid(), signal.SIGINT)
        return b"went on"

    assert users.as_user(people["nobody"], interrupted) == b"went on"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_who_has_no_process_left_is_named(people: dict[str, users.User], monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", full)
    assert [(left.user, left.code) for left in uninstall.find(APP, everyone=True).left] == [
        ("nobody", "not-reached"),
        ("daemon", "not-reached"),
    ]


def test_attack_a_home_that_an_administrator_may_not_look_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user's own FUSE file system: they are asked themselves, and everybody else too."""
    entry = pwd.struct_passwd(("hidden", "x", 4711, 4711, "", "/hidden", ""))
    monkeypatch.setattr(pwd, "getpwall", lambda: [entry, pwd.getpwuid(0)])
    real = Path.stat

    def stat(path: Path, **given: bool) -> os.stat_result:
        if path == Path("/hidden"):
            raise PermissionError
        return real(path, **given)

    monkeypatch.setattr(Path, "stat", stat)
    assert next(user.name for user in users.users()) == "hidden"


def test_whoever_cannot_be_reached_is_named(people: dict[str, users.User]) -> None:
    in_home_of(people["daemon"], made)
    Path(people["nobody"].home).chmod(0)
    share = Path(people["daemon"].home, ".local", "share", APP, "rocketvpn", "default")
    in_home_of(people["daemon"], lambda: made("second", passphrase="another long one"))
    share.chmod(0o500)  # its owner may not take files out of it
    done = uninstall.remove(APP, everyone=True)
    share.chmod(0o700)
    assert [vault.profile for vault in done.vaults] == ["second"]
    assert [left.user for left in done.left] == ["nobody", "daemon"]
    assert {left.code for left in done.left} == {"vault-read-only"}
    assert done.left[1].folder == str(share)
    assert [vault.profile for vault in uninstall.remove(APP, everyone=True).vaults] == ["default"], "it goes on"


def test_the_command_shows_what_there_is_asks_and_removes_it(data: Path) -> None:
    folder, line = made(), CommandLine()
    shown = line.json("uninstall", APP, "--plan")
    assert (shown.code, [vault["folder"] for vault in shown.document["found"]["vaults"]]) == (0, [str(folder)])
    assert line.json("uninstall", APP).code == codes.USER, "nobody can be asked here"
    assert folder.exists()
    said = line.run("uninstall", APP, "--yes")
    assert (said.code, "Removed" in said.out, data.exists()) == (0, True, False)
    assert line.json("uninstall", APP, "--yes").document["removed"] == {"vaults": [], "left": [], "keep_deleted": []}
