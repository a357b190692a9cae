"""``rocketvpn policy …``: nothing here needs a vault, a server or settings."""

from __future__ import annotations

import csv
import hashlib
import json
import plistlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import ROOT, CommandLine
from support.policies import TEXT, VERSION, edited, sharing_text, without_reports

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.policy import bundled_policy, parse_policy

POLICY = bundled_policy()
BUNDLED = str(ROOT / "rocketvpn_sdk" / "policy" / "rocketvpn.toml")
COMMANDS = ["check", "accept", "notices", "show", "explain", "diff", "labels", "lint", "stubs"]


@pytest.fixture
def cli() -> CommandLine:
    return CommandLine()


@pytest.fixture
def sharing(tmp_path: Path) -> str:
    file = tmp_path / "sharing.toml"
    file.write_text(sharing_text(), "utf-8")
    return str(file)


@pytest.fixture
def longer(tmp_path: Path) -> str:
    file = tmp_path / "longer.toml"
    text = edited("field", "level", 'device = "P30D", server = "P30D"', 'device = "P31D", server = "P29D"')
    file.write_text(text.replace(VERSION, "version = 99", 1), "utf-8")
    return str(file)


def run_here(capsys: pytest.CaptureFixture, *arguments: str) -> tuple[int, str]:
    code = run(["policy", *arguments])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_80_columns(command: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, text = run_here(capsys, command, "--help")
    assert code == 0
    assert not [line for line in text.splitlines() if len(line) > 80]
    assert "..." not in text


def test_the_list_of_commands_cuts_no_sentence(capsys: pytest.CaptureFixture):
    _, text = run_here(capsys, "--help")
    assert re.findall(r"^  (\w+)  ", text, re.MULTILINE) == COMMANDS
    assert "..." not in text.replace("[ARGS]...", "")


# ---------------------------------------------------------------- show


@pytest.mark.clause("P1", "P3")
def test_show_tells_all_of_the_policy(capsys: pytest.CaptureFixture):
    code, text = run_here(capsys, "show")
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    for part in (*POLICY.document.field, *POLICY.document.purpose, *POLICY.document.recipient):
        assert part.sentence["en"] in flat
        assert f"{part.id}" in flat
    assert POLICY.sha256 in text
    assert POLICY.contact in text
    assert "30 days ahead" in flat
    assert "never leaves this device" in flat


def test_show_as_json_is_the_document(cli: CommandLine, sharing: str):
    shown = cli.json("policy", "show").document
    assert shown["sha256"] == POLICY.sha256
    assert parse_policy(json.dumps(shown["policy"])).document == POLICY.document
    other = cli.json("policy", "show", "--policy", sharing).document
    assert [part["id"] for part in other["policy"]["recipient"]] == ["acme", "sister", "operator"]


@pytest.mark.clause("M2")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_show_canonical_prints_the_bytes_that_the_sha256_is_of(encoding: str, tmp_path: Path):
    file = tmp_path / "policy.toml"
    file.write_text(TEXT.replace("Bound by this policy.", "Gebunden – überall."), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "rocketvpn_sdk.cli", "policy", "show", "--policy", str(file), "--canonical"],
        env=CommandLine(PYTHONIOENCODING=encoding).environment, capture_output=True, check=True,
    )  # fmt: skip
    policy = parse_policy(file.read_text("utf-8"))
    assert done.stdout == policy.canonical_json()
    assert hashlib.sha256(done.stdout).hexdigest() == policy.sha256
    signed = tmp_path / "policy.json"
    signed.write_bytes(done.stdout)
    assert CommandLine().json("policy", "show", "--policy", str(signed)).document["sha256"] == policy.sha256


def test_a_policy_that_cannot_be_read(cli: CommandLine, tmp_path: Path):
    for arguments in (
        ["show", "--policy"], ["explain", "level", "--policy"], ["labels", "--policy"], ["diff", BUNDLED],
    ):  # fmt: skip
        done = cli.json("policy", *arguments, str(tmp_path / "none.toml"))
        assert (done.code, done.error["code"]) == (codes.USAGE, "policy-invalid")


# ---------------------------------------------------------------- explain


@pytest.mark.clause("P1")
def test_explain_says_what_why_how_long_who_and_your_choice(cli: CommandLine, capsys: pytest.CaptureFixture):
    code, text = run_here(capsys, "explain", "contact email")
    assert code == 0
    flat = " ".join(text.split())
    assert "contact_email (field, C3) Where the operator can reach you." in flat
    for head in ("Why", "Who", "Your choice", "How"):
        assert f"\n{head}\n" in text
    assert "- You can correct it." in text
    document = cli.json("policy", "explain", "contact_email").document
    assert (document["term"], document["kind"], document["clauses"]) == ("contact_email", "field", ["C3"])


def test_explain_shows_the_fields_of_a_purpose_and_leaves_out_what_does_not_apply(capsys: pytest.CaptureFixture):
    _, text = run_here(capsys, "explain", "U5")
    assert text.splitlines()[:2] == ["U5 (clause, U5)", "  Used for surveys."]
    assert "\nHow\n" not in text
    heads = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert not [head for head in heads if f"\n{head}\n\n" in text or text.endswith(f"\n{head}\n")]
    _, text = run_here(capsys, "explain", "surveys")
    fields = " ".join(text.partition("\nFields\n")[2].split())
    assert "erasure_handle" in fields
    assert "survey_text" in fields


def test_explain_names_what_is_near(cli: CommandLine):
    done = cli.json("policy", "explain", "emial")
    assert (done.code, done.error["code"]) == (codes.USAGE, "term-unknown")
    assert "contact_email" in done.error["remedy"]


def test_explain_in_another_language(cli: CommandLine, tmp_path: Path):
    text = edited("field", "level", "sentence.en", 'sentence.de = "Wie ernst es ist."\nsentence.en')
    (tmp_path / "german.toml").write_text(text, "utf-8")
    found = cli.json("policy", "explain", "level", "--policy", str(tmp_path / "german.toml"), "--language", "de-AT")
    assert found.document["what"] == "Wie ernst es ist."


# ---------------------------------------------------------------- diff


@pytest.mark.clause("X2")
def test_diff_tells_what_a_change_takes_and_gives(cli: CommandLine, longer: str, capsys: pytest.CaptureFixture):
    done = cli.json("policy", "diff", BUNDLED, longer)
    assert done.code == codes.REFUSED
    document = done.document
    assert document["reduces_rights"] is True
    assert [each["kind"] for each in document["widened"]] == ["kept_longer"]
    assert [each["kind"] for each in document["narrowed"]] == ["kept_shorter_on_server"]
    assert (document["newly_necessary"], document["reconsent"]) == ([], ["improvement"])
    assert (document["old"]["version"], document["new"]["version"]) == (POLICY.version, 99)
    assert document["old"]["sha256"] == POLICY.sha256 != document["new"]["sha256"]

    code, text = run_here(capsys, "diff", BUNDLED, longer)
    assert code == codes.REFUSED
    flat = " ".join(text.split())
    assert f"From version {POLICY.version} to version 99" in flat
    assert "It takes - Kept longer on this device: “How serious a log line is”. Before: 30 days. Now: 31 days." in flat
    assert "It gives - Kept for less time by “The company that runs Rocket VPN”" in flat
    assert "asked for again improvement" in flat
    assert "it binds 30 days after it was shown" in flat


@pytest.mark.clause("X2")
def test_diff_of_a_change_that_takes_nothing(
    cli: CommandLine, sharing: str, tmp_path: Path, capsys: pytest.CaptureFixture
):
    plain = str(tmp_path / "plain.toml")
    Path(plain).write_text(without_reports(TEXT), "utf-8")
    same = cli.json("policy", "diff", BUNDLED, BUNDLED)
    assert (same.code, same.document["reduces_rights"]) == (codes.DONE, False)
    fewer = cli.json("policy", "diff", sharing, plain)
    assert (fewer.code, fewer.document["widened"]) == (codes.DONE, [])
    assert fewer.document["narrowed"]
    _, text = run_here(capsys, "diff", sharing, plain)
    assert "It takes" not in text
    assert "It reduces no right." in text
    assert cli.json("policy", "diff", plain, sharing).code == codes.REFUSED


def test_diff_lists_what_is_newly_necessary(cli: CommandLine, tmp_path: Path, capsys: pytest.CaptureFixture):
    file = tmp_path / "new.toml"
    begin = TEXT.index('[[field]]\nid = "payment_record"')
    part = TEXT[begin : TEXT.index("[[field]]", begin + 1)]
    file.write_text(TEXT[:begin] + part.replace("payment_record", "invoice_address") + TEXT[begin:], "utf-8")
    done = cli.json("policy", "diff", BUNDLED, str(file))
    assert (done.code, done.document["reduces_rights"]) == (codes.DONE, False)
    assert [each["field"] for each in done.document["newly_necessary"]] == ["invoice_address"]
    _, text = run_here(capsys, "diff", BUNDLED, str(file))
    assert "which the user may accept at once" in text


# ---------------------------------------------------------------- labels


def test_labels_of_both_stores(cli: CommandLine, capsys: pytest.CaptureFixture):
    document = cli.json("policy", "labels").document
    assert set(document) == {"apple", "android", "unmapped", "file"}
    assert "EmailAddress" in [kind["kind"] for kind in document["apple"]]
    assert "PSL_EMAIL" in [kind["kind"] for kind in document["android"]]
    assert (document["unmapped"], document["file"]) == ([], None)
    _, text = run_here(capsys, "labels")
    assert "Apple: PrivacyInfo.xcprivacy" in text
    assert "Google Play: data safety" in text
    assert "  EmailAddress: tied to the user and optional\n" in text
    assert "want of a better word" not in text


def test_labels_of_one_store_in_its_own_file(cli: CommandLine, tmp_path: Path, capsys: pytest.CaptureFixture):
    manifest, form = tmp_path / "PrivacyInfo.xcprivacy", tmp_path / "safety.csv"
    done = cli.json("policy", "labels", "--store", "apple", "--output", str(manifest))
    assert (done.code, set(done.document)) == (0, {"apple", "unmapped", "file"})
    assert plistlib.loads(manifest.read_bytes())["NSPrivacyTracking"] is False
    code, text = run_here(capsys, "labels", "--store", "android", "--output", str(form))
    assert code == 0
    assert "Written to" in text
    with form.open(encoding="utf-8", newline="") as lines:
        assert next(csv.reader(lines))[0] == "Question ID (machine readable)"


def test_a_file_needs_a_store(cli: CommandLine, tmp_path: Path):
    done = cli.json("policy", "labels", "--output", str(tmp_path / "file"))
    assert (done.code, done.error["code"]) == (codes.USAGE, "value-refused")
    assert not list(tmp_path.iterdir())
    done = cli.json("policy", "labels", "--store", "apple", "--output", str(tmp_path / "none" / "file"))
    assert done.code == codes.REFUSED
    assert cli.json("policy", "labels", "--store", "other").code == codes.USAGE


def test_a_term_without_a_word_is_named(cli: CommandLine, tmp_path: Path, capsys: pytest.CaptureFixture):
    file = tmp_path / "own.toml"
    file.write_text(edited("field", "level", "pd:DeviceSoftware", "pd:Mood"), "utf-8")
    assert cli.json("policy", "labels", "--policy", str(file)).document["unmapped"] == ["pd:Mood"]
    _, text = run_here(capsys, "labels", "--policy", str(file))
    assert "want of a better word: pd:Mood." in text


# ---------------------------------------------------------------- lint


def test_lint_reads_the_signed_form_too(cli: CommandLine, tmp_path: Path):
    file = tmp_path / "policy.json"
    file.write_bytes(POLICY.canonical_json())
    assert cli.json("policy", "lint", str(file)).document["valid"] is True
    file.write_bytes(POLICY.canonical_json().replace(b'"age":18', b'"age":"x"'))
    bad = cli.json("policy", "lint", str(file))
    assert (bad.code, bad.error["code"]) == (codes.REFUSED, "policy-invalid")
    assert "/minors/age" in bad.error["message"]
