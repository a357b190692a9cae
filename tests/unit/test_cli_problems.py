"""Each kind of error as the command line says it: a sentence, what to do, an exit code; and what no error may lose."""

from __future__ import annotations

import errno
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.policies import NEWEST, TEXT, renumbered

from rocketvpn_sdk import errors
from rocketvpn_sdk.cli import codes, problems
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.cli.problems import CommandError, ConfirmationNeeded
from rocketvpn_sdk.cli.rehearsal import Rehearsal
from rocketvpn_sdk.cli.streams import OutputLost
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.policy import Policy


def caused(error: Exception, by: BaseException) -> Exception:
    error.__cause__ = by
    return error


# ---------------------------------------------------------------- what an error is about


def test_an_error_of_ours_is_itself_and_our_own_question_s_stands_for_the_call_s() -> None:
    own = CommandError("The code cannot be read.")
    wrong = errors.AuthenticationFailed(reason="wrong-code")
    failed = errors.AuthenticatorFailed(problem="x")
    assert problems.of_ours(own) is own
    assert problems.of_ours(caused(errors.AuthenticatorFailed(problem="x"), own)) is own
    assert problems.of_ours(caused(errors.AuthenticatorFailed(problem="x"), wrong)) is wrong
    assert problems.of_ours(failed) is failed
    odd = caused(errors.AuthenticatorFailed(problem="x"), ValueError("planted"))
    assert problems.of_ours(odd) is odd


@pytest.mark.parametrize(
    ("error", "says", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The system says: No space left on device.", codes.REFUSED),
        (OSError(errno.ENOENT, "No such file", "a/b"), "The system says of a/b: No such file.", codes.REFUSED),
        (OSError(errno.ENOENT, "No such file", b"a/b"), "The system says of a/b: No such file.", codes.REFUSED),
        (OSError(errno.EBADF, "Bad file", 7), "The system says: Bad file.", codes.REFUSED),
        (TimeoutError(), "The system says: TimeoutError.", codes.REFUSED),
        (RuntimeError("can't start new thread"), "The system says: no more threads can be started.", codes.REFUSED),
        (UnicodeDecodeError("utf-8", b"planted", 0, 1, "x"), "has characters of another encoding", codes.USAGE),
    ],
)
def test_what_the_system_does_not_give_is_said(error: Exception, says: str, code: int) -> None:
    found = problems.of_ours(error)
    assert says in problems.sentence(found)
    assert "planted" not in str(found)
    assert problems.exit_code(found) == code


@pytest.mark.parametrize("error", [RuntimeError("x"), ImportError("x"), ValueError("x"), KeyError("x")])
def test_what_nobody_but_us_can_mend_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        problems.of_ours(error)
    assert raised.value is error


# ---------------------------------------------------------------- sentences and documents


def told(error: RocketVPNError, capsys: pytest.CaptureFixture[str], *, as_json: bool) -> tuple[int, str, str]:
    code = problems.show_error(error, Out(json=as_json))
    out, err = capsys.readouterr()
    return code, out, err


ROWS: list[tuple[RocketVPNError, int, str, str]] = [
    (errors.NotBound(), codes.REFUSED, "", "Bind it with `rocketvpn bind ORDER`."),
    (errors.ValueRefused(name="samples", problem="it must be a number"), codes.USAGE, "--samples", "Correct it"),
    (errors.ValueRefused(name="elsewhere", problem="no"), codes.USAGE, "elsewhere", "Correct it"),
    (errors.VaultLocked(), codes.DEVICE, "", ""),
    (errors.AuthenticationRequired(sent_to="", reason="x"), codes.USER, "", "--code-from"),
    (errors.ServerUnreachable(host="h", problem="p"), codes.SERVER, "", ""),
    (CommandError("That went wrong.", advice="Do this."), codes.REFUSED, "That went wrong.", "Do this."),
    (ConfirmationNeeded("Stopped.", exit_code=codes.USER), codes.USER, "Stopped.", ""),
]


@pytest.mark.parametrize(("error", "code", "says", "action"), ROWS)
def test_an_error_is_a_sentence_and_what_to_do_or_a_document(
    error: RocketVPNError, code: int, says: str, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done, out, err = told(error, capsys, as_json=False)
    assert (done, out) == (code, "")
    assert " ".join(err.split()).startswith("Error: ")
    assert says in err
    assert action in " ".join(err.split())
    done, out, err = told(error, capsys, as_json=True)
    assert (done, err) == (code, "")
    said = json.loads(out)["error"]
    assert (said["code"], said["exit_code"], said["retry_at"]) == (error.code, code, error.retry_at)
    assert says in said["message"]
    assert action in said["remedy"]
    assert set(said) <= {"code", "message", "remedy", "hint", "retry_at", "exit_code", "cause"}


def test_a_call_that_may_have_been_done_says_how_to_do_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.ServerError(operation="o", status=500, problem="p", idempotency_key="a key")
    assert "--idempotency-key 'a key'" in " ".join(told(error, capsys, as_json=False)[2].split())
    assert json.loads(told(error, capsys, as_json=True)[1])["error"]["idempotency_key"] == "a key"


def test_a_conflict_says_both_values(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.Conflict(operation="o")
    error.here, error.there = {"contact_email": "a@b.example"}, {"contact_email": "c@d.example", "other": 1}
    err = told(error, capsys, as_json=False)[2]
    assert "contact_email: you asked for 'a@b.example'; it is 'c@d.example' now" in err
    said = json.loads(told(error, capsys, as_json=True)[1])["error"]
    assert (said["here"], said["there"]) == (error.here, error.there)


@pytest.mark.parametrize("left", ["perhaps_erased", "receipt", "token"])
def test_what_was_erased_is_not_lost_with_the_error(left: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.ReceiptInvalid(problem="p", **{left: "the only one"})
    assert json.loads(told(error, capsys, as_json=True)[1])["error"][left] == "the only one"
    problems.show_without_output(error)
    assert ('"the only one"' in capsys.readouterr().err) is (left != "perhaps_erased")


# ---------------------------------------------------------------- where it cannot be said as it should


def test_an_interrupt_is_told_once_and_where_it_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert problems.show_interrupted(Out(json=False)) == codes.INTERRUPTED
    assert capsys.readouterr() == ("", f"\nError: Interrupted.\n{STANDS}\n")
    assert problems.show_interrupted(Out(json=True)) == codes.INTERRUPTED
    out, err = capsys.readouterr()
    assert (json.loads(out)["error"]["message"], err) == ("Interrupted.", "")
    printed = Out(json=True)
    printed.document({})
    capsys.readouterr()
    assert problems.show_interrupted(printed) == codes.INTERRUPTED
    assert capsys.readouterr() == ("", f"Error: Interrupted.\n{STANDS}\n")


STANDS = "What was done before stands; `rocketvpn status` shows it."


def test_an_output_that_is_lost_or_closed_is_told_on_the_other_stream(capsys: pytest.CaptureFixture[str]) -> None:
    assert problems.show_output_lost(OutputLost(BrokenPipeError())) == codes.REFUSED
    assert "nobody reads it any more" in " ".join(capsys.readouterr().err.split())
    assert problems.show_closed() == codes.REFUSED
    assert "The standard output is closed" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [True, False])
def test_a_command_line_that_cannot_work_is_told_with_its_usage(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    said = problems.show_usage("Invalid value: it is\x1b[2J empty", "Usage: rocketvpn ...", json=as_json)
    out, err = capsys.readouterr()
    assert said == codes.USAGE
    assert "\x1b" not in out + err
    assert "Invalid value" not in out + err
    if as_json:
        members = json.loads(out)["error"]
        assert (members["code"], members["exit_code"], members["retry_at"]) == ("usage", codes.USAGE, None)
        assert err == ""
    else:
        assert err.splitlines()[0] == "Usage: rocketvpn ..."
        assert err.splitlines()[1].startswith("Error: it is")


# ---------------------------------------------------------------- what is printed


def test_text_is_left_out_of_documents_and_headings_stand_apart(capsys: pytest.CaptureFixture[str]) -> None:
    out = Out(json=False)
    assert out.width == 80
    out.heading("First")
    out.say("x" * 70 + " yyyyyyyyyyyy", indent=2, hanging=3)
    out.heading("Second")
    out.bullet("item")
    assert capsys.readouterr().out == f"First\n  {'x' * 70}\n     yyyyyyyyyyyy\n\nSecond\n  - item\n"
    quiet = Out(json=True)
    quiet.heading("First")
    quiet.facts([("a", "b")])
    quiet.table(["a"], [["b"]])
    quiet.verbatim("drawing")
    assert capsys.readouterr().out == ""
    assert not quiet.printed
    quiet.document({"a": "ü\x1b"})
    assert capsys.readouterr().out == '{"a": "\\u00fc\\u001b"}\n'
    assert quiet.printed


def test_a_drawing_that_cannot_be_shown_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for encoding, shown in (("ascii", b""), ("utf-8", "█  █\n ██\n".encode())):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        Out(json=False).verbatim("█  █\n ██")
        sys.stdout.flush()
        assert raw.getvalue() == shown


# ---------------------------------------------------------------- a policy that is tried


class Stage:
    """Where a file's policies are published."""

    def __init__(self, file: Path) -> None:
        self.file, self.log = file, list[Any]()
        self.full = False
        self.rehearsal = Rehearsal(
            file,
            self.publish,
            published=lambda policy: self.log.append(policy.version),
            refused=lambda error: self.log.append(error.code),
        )

    def publish(self, policy: Policy) -> Policy:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return policy

    def write(self, text: str) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text, "utf-8")
        fresh.replace(self.file)  # another file each time, whatever the clock


@pytest.mark.clause("X1")
def test_a_policy_s_file_is_published_again_once_it_was_changed_and_left_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "policy.toml")
    look = stage.rehearsal.look
    stage.write(TEXT)
    look()
    assert stage.log == []  # it may be half written
    look()
    assert stage.log == [NEWEST]
    look()
    assert stage.log == [NEWEST]  # it did not change
    stage.write(renumbered(NEWEST + 1))
    look()
    stage.write(renumbered(NEWEST + 2))
    look()
    assert stage.log == [NEWEST]  # still being written
    look()
    assert stage.log == [NEWEST, NEWEST + 2]
    stage.write("nonsense = ")
    look()
    look()
    look()
    assert stage.log == [NEWEST, NEWEST + 2, "policy-invalid"]
    stage.full = True
    stage.write(TEXT)
    look()
    look()
    assert stage.log[3:] == ["command-failed"]
    stage.file.unlink()
    look()
    look()
    look()
    assert len(stage.log) == 5


def test_at_the_start_the_file_is_published_as_it_is_and_at_the_end_nothing_is_watched(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "policy.toml")
    stage.rehearsal.stop()  # it was never begun
    stage = Stage(tmp_path / "policy.toml")
    stage.write(TEXT)
    stage.rehearsal.start()
    stage.rehearsal.stop()
    assert stage.log == [NEWEST]


def test_the_codes_are_a_table_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    for width in (40, 80):
        lines = codes.table(width).splitlines()
        assert max(map(len, lines)) <= width
        assert [int(line[:5]) for line in lines if line[:5].strip()] == [0, 1, 2, 3, 4, 5, 6, 130]
