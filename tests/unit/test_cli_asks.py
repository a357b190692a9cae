"""How the command line asks, what it takes for an answer, and what it says where nobody can be asked."""

from __future__ import annotations

import getpass
import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rocketvpn_sdk.cli import ask, codes, streams
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.cli.problems import CommandError, ConfirmationNeeded
from rocketvpn_sdk.cli.streams import OutputLost
from rocketvpn_sdk.entered import Challenge
from rocketvpn_sdk.errors import AuthenticationFailed, SecretStoreLocked
from rocketvpn_sdk.vault.passphrase import FILE


class Terminal:
    """Somebody who answers, line by line."""

    def __init__(self, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> None:
        self._patch, self._captured = patch, captured
        self.prompts: list[str] = []
        self.there(True)

    def shown(self) -> str:
        """Return what was shown since this was last asked."""
        out, err = self._captured.readouterr()
        assert out == ""
        return err

    def there(self, there: bool) -> None:
        self._patch.setattr(ask, "at_terminal", lambda: there)

    def answers(self, *lines: str) -> None:
        self._patch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        hidden = iter(lines)

        def getpass_(prompt: str, stream: Any) -> str:
            assert stream is sys.stderr
            self.prompts.append(prompt)
            return next(hidden)

        self._patch.setattr(getpass, "getpass", getpass_)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.delenv(ask.PASSPHRASE_VARIABLE, raising=False)
    return Terminal(monkeypatch, capsys)


# ---------------------------------------------------------------- a line


def test_a_question_is_shown_on_the_error_stream_without_what_could_steer_a_terminal(terminal: Terminal) -> None:
    terminal.answers("  yes  ", "")
    assert ask.line("\nReally\x1b[2J? ") == "yes"
    shown = terminal.shown()
    assert shown.startswith("\nReally")
    assert "\x1b" not in shown
    assert ask.line("Again: ") == ""
    assert terminal.shown() == "Again: "


def test_a_question_that_cannot_be_shown_is_not_asked(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    with pytest.raises(CommandError, match="No space left") as refused:
        ask.line("Really? ")
    assert refused.value.exit_code == codes.USER


def test_an_order_s_number_is_read_where_it_is_not_given(terminal: Terminal) -> None:
    terminal.answers("RV-1")
    assert ask.order_number("RV-2") == "RV-2"
    assert ask.order_number("-") == "RV-1"
    assert ask.order_number("-") == ""


def test_a_line_in_another_encoding_is_a_usage_error(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), encoding="utf-8"))
    with pytest.raises(CommandError) as refused:
        ask.order_number("-")
    assert refused.value.exit_code == codes.USAGE
    assert "utf-8" in refused.value.remedy


# ---------------------------------------------------------------- a passphrase


@pytest.mark.parametrize(
    ("known", "answers", "prompts", "problem"),
    [
        (True, ["a secret"], ["Passphrase: "], ""),
        (False, ["a secret", "a secret"], ["New passphrase (there is no way back without it): ", "Once more: "], ""),
        (False, ["a secret", "another"], None, "differ"),
        (False, ["", "x"], ["New passphrase (there is no way back without it): "], "no passphrase was given"),
        (True, [""], ["Passphrase: "], "no passphrase was given"),
    ],
)
def test_a_new_passphrase_is_asked_for_twice_and_a_known_one_once(
    terminal: Terminal, tmp_path: Path, known: bool, answers: list[str], prompts: list[str] | None, problem: str
) -> None:
    if known:
        (tmp_path / FILE).write_text("")
    terminal.answers(*answers)
    if problem:
        with pytest.raises(SecretStoreLocked, match=problem):
            ask.passphrase(tmp_path)
    else:
        assert ask.passphrase(tmp_path) == answers[0]
    assert prompts is None or terminal.prompts == prompts


def test_a_passphrase_of_the_environment_is_taken_and_without_a_terminal_it_must_be_there(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.there(False)
    with pytest.raises(SecretStoreLocked, match=ask.PASSPHRASE_VARIABLE):
        ask.passphrase(tmp_path)
    monkeypatch.setenv(ask.PASSPHRASE_VARIABLE, "given")
    assert ask.passphrase(tmp_path) == "given"
    monkeypatch.setenv(ask.PASSPHRASE_VARIABLE, "")  # as good as none
    with pytest.raises(SecretStoreLocked):
        ask.passphrase(tmp_path)


# ---------------------------------------------------------------- a code


AT = datetime(2027, 1, 15, tzinfo=UTC)


def question(**more: Any) -> Challenge:
    return Challenge(**{"kind": "email", "hint": "l…@e…", "code_digits": 6, "expires_at": AT} | more)


@pytest.mark.parametrize(
    ("more", "asks"),
    [
        ({}, "The code that was sent to l…@e…: "),
        ({"problem": "wrong"}, "That code was not accepted. The code that was sent to l…@e…: "),
        ({"problem": "malformed"}, "No code of 6 digits looks like that. The code that was sent to l…@e…: "),
        ({"problem": "malformed", "code_digits": None}, "No code looks like that. The code that was sent to l…@e…: "),
    ],
)
def test_a_person_is_asked_for_the_code_and_told_what_was_wrong_with_the_last(
    terminal: Terminal, more: dict[str, Any], asks: str
) -> None:
    terminal.answers("123456", "")
    authenticator = ask.authenticator(None)
    assert authenticator is not None
    assert authenticator(question(**more)) == "123456"
    assert terminal.shown() == asks
    assert authenticator(question(**more)) is None  # nothing was typed
    terminal.there(False)
    assert ask.authenticator(None) is None


def test_a_code_is_read_from_a_file_or_a_pipe(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "code"
    file.write_text(" 123456 \nmore\n")
    terminal.answers("654321")
    for source, code in ((str(file), "123456"), ("-", "654321"), ("-", None)):
        authenticator = ask.authenticator(source)
        assert authenticator is not None
        assert authenticator(question()) == code


@pytest.mark.parametrize("problem", ["wrong", "malformed"])
def test_where_there_is_no_other_code_the_last_one_s_problem_is_said(
    terminal: Terminal, tmp_path: Path, problem: str
) -> None:
    (tmp_path / "code").write_text("\n")
    authenticator = ask.authenticator(str(tmp_path / "code"))
    assert authenticator is not None
    with pytest.raises(AuthenticationFailed) as failed:
        authenticator(question(problem=problem))
    assert failed.value.cause == f"{problem}-code"
    assert authenticator(question()) is None


@pytest.mark.parametrize("source", ["nowhere", "a\0b"])
def test_a_code_that_cannot_be_read_is_a_usage_error(terminal: Terminal, source: str) -> None:
    authenticator = ask.authenticator(source)
    assert authenticator is not None
    with pytest.raises(CommandError, match="cannot be read") as refused:
        authenticator(question())
    assert refused.value.exit_code == codes.USAGE


# ---------------------------------------------------------------- a confirmation


@pytest.mark.parametrize("typed", ["delete", "DELETE", " Delete "])
def test_the_word_confirms_in_any_case(terminal: Terminal, typed: str) -> None:
    terminal.answers(typed)
    ask.confirm("delete", "All goes.", Out(json=False))
    assert terminal.shown() == "\nAll goes. Type delete to go on: "


@pytest.mark.parametrize("typed", ["", "y", "yes", "deleted"])
def test_anything_else_stops_it(terminal: Terminal, typed: str) -> None:
    terminal.answers(typed)
    with pytest.raises(ConfirmationNeeded, match="not confirmed") as stopped:
        ask.confirm("delete", "All goes.", Out(json=False), stopped="Nothing was changed.")
    assert stopped.value.remedy == "Nothing was changed."
    assert stopped.value.exit_code == codes.REFUSED


@pytest.mark.parametrize(("json", "there"), [(True, True), (False, False), (True, False)])
def test_where_nobody_can_be_asked_nothing_is_confirmed(terminal: Terminal, json: bool, there: bool) -> None:
    terminal.there(there)
    terminal.answers("delete")
    with pytest.raises(ConfirmationNeeded, match="nobody can be asked") as stopped:
        ask.confirm("delete", "All goes.", Out(json=json))
    assert stopped.value.exit_code == codes.USER
    assert terminal.shown() == ""


# ---------------------------------------------------------------- streams that take nothing


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BrokenPipeError(32, "Broken pipe"), "nobody reads it any more"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(), "OSError"),
    ],
)
def test_why_the_output_is_lost_is_said(monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str) -> None:
    class Broken(io.StringIO):
        def flush(self) -> None:
            raise error

    monkeypatch.setattr(sys, "stdout", Broken())
    with pytest.raises(OutputLost) as lost:
        streams.flush_output()
    assert (lost.value.reason, str(lost.value)) == (reason, reason)
    streams.settle()  # what is no file is left alone
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    streams.flush_output()


def test_what_a_full_file_does_not_take_goes_nowhere_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full, (tmp_path / "err").open("w", encoding="utf-8") as err:
        full.write("lost")
        err.write("kept")
        monkeypatch.setattr(sys, "stdout", full)
        monkeypatch.setattr(sys, "stderr", err)
        streams.settle()
        full.flush()  # it takes everything now
        assert (tmp_path / "err").read_text() == "kept"


def test_what_an_encoding_lacks_is_shown_as_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding="ascii"))
    streams.forgive_encodings()
    for stream in (sys.stdout, sys.stderr):
        stream.write("Grüße")
        stream.flush()
    assert out.getvalue() == err.getvalue() == b"Gr??e"
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    streams.forgive_encodings()  # what is no encoded stream is left alone
