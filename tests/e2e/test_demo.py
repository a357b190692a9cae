"""The demo, with and without a keyring; and that its checks can fail."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import CommandLine, Done
from support.until import until

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.demo import ending, exported
from rocketvpn_sdk.cli.demo.checks import Checks
from rocketvpn_sdk.cli.demo.narrator import Narrator
from rocketvpn_sdk.cli.demo.play import play, verdict
from rocketvpn_sdk.cli.demo.session_lines import PERSONAL, session_lines
from rocketvpn_sdk.cli.demo.store import WatchedSecrets
from rocketvpn_sdk.cli.demo.traces import Search, all_files, controls, forms, missed
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.errors import SecretStoreUnavailable
from rocketvpn_sdk.rights import Report
from rocketvpn_sdk.testing.secrets import MemorySecrets
from rocketvpn_sdk.vault.ending import Removal

EXPECTED = {
    "code-before-the-correction", "held-back-without-a-code", "log-survives-a-restart",
    "binding-sends-little", "key-is-stored", "log-is-kept", "log-is-scrubbed", "report-has-both-sides",
    "log-stays-here", "correction-holds", "search-works", "vault-is-sealed", "server-holds-it",
    "copy-opens-with-the-key", "deleted-here", "code-went-to-the-corrected-address", "server-confirmed",
    "folder-is-gone", "keys-are-gone", "copy-stays-shut", "server-forgot", "kept-as-announced",
    "receipt-verifies", "forged-receipt-is-refused", "nothing-is-left", "page-is-quiet", "export-is-whole",
    "update-is-genuine", "update-names-nobody", "changed-update-is-refused",
    "report-is-what-was-shown", "report-names-nobody", "report-is-erased",
    "chosen-on-the-device", "answers-name-nobody", "answers-are-erased", "notice-reaches-you",
}  # fmt: skip
VALUES = {"e-mail": "kim@example.org", "order": "RV-2026-0001", "umlaut": "Jörg Müller", "short": "abcdef"}


def all_held(done: Done) -> dict:
    document = done.document
    assert [check for check in document["checks"] if not check["held"]] == []
    assert {check["name"] for check in document["checks"]} == EXPECTED
    assert document["held"] is True
    assert done.code == 0
    return document


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("rocketvpn")]


@pytest.mark.clause("A1", "A2", "A3", "A4", "R2")
def test_the_demo_without_a_keyring(tmp_path: Path):
    cli = CommandLine(TMPDIR=str(tmp_path), DBUS_SESSION_BUS_ADDRESS="disabled:")
    document = all_held(cli.json("demo"))
    assert document["secret_store"] == "passphrase store"
    assert document["seconds"] > 0
    assert left_in(tmp_path) == []


@pytest.mark.component("keyring")
@pytest.mark.clause("T1")
def test_the_demo_with_a_keyring_leaves_nothing_in_it(tmp_path: Path):
    before = entries()
    cli = CommandLine(TMPDIR=str(tmp_path), DBUS_SESSION_BUS_ADDRESS=os.environ["DBUS_SESSION_BUS_ADDRESS"])
    document = all_held(cli.json("demo"))
    assert document["secret_store"] == "system keyring"
    until(lambda: entries() <= before)  # other tests use this keyring, and tidy up after them
    assert left_in(tmp_path) == []


def entries() -> set[str]:
    """Ask the Secret Service itself, in a process of its own, what it holds."""
    program = (
        "import secretstorage as s; c = s.dbus_init();"
        "print(*sorted(i.item_path for i in s.get_default_collection(c).get_all_items()), sep='\\n'); c.close()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_it_reads_at_80_columns_and_ends_with_what_is_proven_and_what_is_not(tmp_path: Path):
    done = CommandLine(TMPDIR=str(tmp_path), DBUS_SESSION_BUS_ADDRESS="disabled:").process("demo", "--keep")
    assert (done.code, done.err) == (0, "")
    # What cannot be broken (the token that is shown) is broken all the same; nothing is wider than the terminal.
    assert [line for line in done.out.splitlines() if len(line) > 80] == []
    for part in ("app wrote", "is stored", "Proven on this machine", "The server's word", "What this does not show"):
        assert part in done.out
    assert f"All {len(EXPECTED)} checks held" in done.out
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("rocketvpn-demo-")
    assert all_files(kept / "device") == []
    assert Search(VALUES | PERSONAL).files(all_files(kept / "copy")) == set()  # the copy that stays shut


# ---------------------------------------------------------------- that the checks can fail


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unavailable(self: object, *_: object) -> None:
        raise SecretStoreUnavailable(store="system keyring", problem="a test")

    monkeypatch.setattr("rocketvpn_sdk.vault.KeyringSecrets._run", unavailable)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def failing(out: Out) -> tuple[int, set[str]]:
    answer = play(out, keep=False)
    return answer.code, {check.name for check in answer.document["checks"] if not check.held}


@pytest.mark.usefixtures("no_keyring")
def test_a_vault_that_stays_makes_it_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("rocketvpn_sdk.vault.Vault.destroy", lambda self, **_: Removal())
    code, failed = failing(Out(json=True))
    assert code == codes.REFUSED
    assert {"folder-is-gone", "keys-are-gone"} <= failed
    assert left_in(tmp_path) == []


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.clause("U4")
def test_an_update_that_is_not_verified_makes_it_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rocketvpn_sdk.updates.remote.Sink.require", lambda self, sha256: None)
    code, failed = failing(Out(json=True))
    assert code == codes.REFUSED
    assert failed == {"changed-update-is-refused"}


@pytest.mark.usefixtures("no_keyring")
def test_a_log_whose_values_are_not_private_makes_it_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rocketvpn_sdk.journal.lines.line.masked", lambda value, words: value)
    code, failed = failing(Out(json=True))
    assert code == codes.REFUSED
    assert failed == {"log-is-scrubbed"}  # it is sealed all the same


@pytest.mark.usefixtures("no_keyring")
def test_a_key_that_outlives_the_deletion_makes_it_fail(monkeypatch: pytest.MonkeyPatch):
    kept: dict[str, bytes] = {}
    real_get = WatchedSecrets.get
    monkeypatch.setattr(WatchedSecrets, "set", lambda self, name, secret: kept.update({name: secret}))
    monkeypatch.setattr(WatchedSecrets, "get", lambda self, name: kept.get(name) or real_get(self, name))
    monkeypatch.setattr(WatchedSecrets, "delete", lambda self, name: None)
    monkeypatch.setattr(WatchedSecrets, "held", lambda self: dict(kept))
    code, failed = failing(Out(json=True))
    assert code == codes.REFUSED
    assert "keys-are-gone" in failed


@pytest.mark.usefixtures("no_keyring")
def test_a_server_that_keeps_the_address_makes_it_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rocketvpn_sdk.sandbox.erasure._erase_order", lambda db, order: None)
    code, failed = failing(Out(json=True))
    assert code == codes.REFUSED
    assert "server-forgot" in failed


@pytest.mark.usefixtures("no_keyring")
def test_what_the_user_saves_makes_it_fail_when_it_is_not_as_it_says(monkeypatch: pytest.MonkeyPatch):
    real = Report.to_html
    monkeypatch.setattr(Report, "to_html", lambda self: real(self).replace("</main>", "<script></script></main>"))
    monkeypatch.setattr(exported, "receipt_to_json", lambda receipt: b"{}")
    monkeypatch.setattr(zipfile.ZipFile, "read", altered(zipfile.ZipFile.read))
    code, failed = failing(Out(json=True))
    assert code == codes.REFUSED
    assert failed == {"page-is-quiet", "export-is-whole", "receipt-verifies"}  # what is no receipt is refused too


@pytest.mark.usefixtures("no_keyring")
def test_a_forged_receipt_that_passes_makes_it_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exported, "_forged", lambda receipt: receipt)
    assert failing(Out(json=True)) == (codes.REFUSED, {"forged-receipt-is-refused"})


def altered(read: Callable[..., bytes]) -> Callable[..., bytes]:
    return lambda archive, name: read(archive, name) + (b"" if name == "manifest.json" else b" ")


@pytest.mark.usefixtures("no_keyring")
def test_an_error_on_the_way_makes_it_fail_and_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
):
    def broken(*_: object) -> None:
        raise SecretStoreUnavailable(store="keyring", problem="gone")

    monkeypatch.setattr(ending, "take_copy", broken)
    out = Out(json=False)
    answer = play(out, keep=False)
    answer.show(out)
    assert answer.code == codes.REFUSED
    text = capsys.readouterr().out
    assert "[FAILED] SecretStoreUnavailable" in text
    assert "did NOT hold" in text
    assert "Proven" not in text
    assert left_in(tmp_path) == []


def test_one_check_that_fails_is_enough():
    checks = Checks()
    assert checks.held is False  # nothing was shown, so nothing held
    checks.add("one", held=True, detail="")
    assert verdict(checks, 1.0, {}, lambda: None).code == codes.DONE
    checks.add("two", held=False, detail="")
    assert verdict(checks, 1.0, {}, lambda: None).code == codes.REFUSED
    Narrator(Out(json=True)).end(checks, 1.0, ())


# ---------------------------------------------------------------- the search


def test_every_form_is_found_and_no_form_is_missing_from_the_control():
    search = Search(VALUES)
    kinds = {(name, form) for name, form, _ in controls(VALUES)}
    assert kinds == {(name, form) for name, value in VALUES.items() for form in forms(value)}
    for name, form, content in controls(VALUES):
        assert (name, form) in {(trace.value, trace.form) for trace in search.data(content, "x")}, (name, form, content)


def test_the_control_notices_a_form_that_the_search_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    search = Search(VALUES)
    assert missed(search, tmp_path / "a") == []
    monkeypatch.setattr(search, "_needles", [each for each in search._needles if each[1] != "base32"])
    assert {each.rpartition(" ")[2] for each in missed(search, tmp_path / "b")} == {"base32"}


def test_what_is_not_there_is_not_found():
    content = base64.b64encode(bytes(range(0, 256, 3))) + b"kim@example.com RV-2026-0002"
    assert Search(VALUES).data(content, "x") == set()


def test_names_of_files_are_searched_too(tmp_path: Path):
    (tmp_path / "kim@example.org.log").write_bytes(b"")
    assert {trace.value for trace in Search(VALUES).files(all_files(tmp_path))} == {"e-mail"}


def test_a_value_too_short_to_look_for_is_refused():
    with pytest.raises(ValueError, match="at least"):
        forms("short")


def test_session_lines_are_the_same_for_a_seed_and_hold_every_personal_value():
    values = {**PERSONAL, "order number": "RV-1", "device number": "X" * 52, "contact e-mail": "a@example.org"}
    lines = session_lines(300, values)
    assert lines == session_lines(300, values)
    assert lines != session_lines(300, values, seed=1)
    text = "\n".join(map(str, lines))
    assert [name for name, value in values.items() if value not in text] == []
    assert "%(" not in text


def test_the_watched_store_remembers_every_name():
    store = WatchedSecrets(MemorySecrets())
    store.set("a", b"1")
    assert store.get("b") is None
    assert store.held() == {"a": b"1"}
    assert store.seen == 2
    store.clear()
    assert store.held() == {}
