"""``doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from rocketvpn_sdk.cli import codes, problems
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.doctor import Diagnosis, Examination, examine

_MARKS = {"ok": "ok", "attention": "look", "problem": "WRONG", "skipped": "-"}

_REMOTE = {"server", "tls", "binding", "policy"}


@help_text(
    """Look for what is wrong, and say what to do about it.

    Looks at the vault, the keyring, all that is stored, the clock, what waits, the server, TLS, the binding and the
    policy. Ends with 0 where nothing is wrong, and else with the code of what is.
    """
)
def doctor(
    context: CommandContext,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the server.")] = False,
) -> CommandResult:
    examination = examine(context.config, online=not offline)
    findings = [_worded(finding) for finding in examination.findings]
    document = {"sound": examination.sound, "findings": findings}
    return CommandResult(document, lambda out: _show(out, examination, findings), _code(examination))


def _worded(finding: Diagnosis) -> dict[str, str | None]:
    """Return the finding with the command line's own remedy, where there is one."""
    return {
        "check": finding.check,
        "state": finding.state,
        "message": finding.message,
        "remedy": problems.remedy(finding.code) or finding.remedy,
        "hint": finding.hint,
        "code": finding.code,
    }


def _code(examination: Examination) -> int:
    wrong = [finding.check for finding in examination.findings if finding.state == "problem"]
    if not wrong:
        return codes.DONE
    return codes.SERVER if set(wrong) <= _REMOTE else codes.DEVICE


def _show(out: Out, examination: Examination, findings: list[dict[str, str | None]]) -> None:
    rows = [
        (
            _MARKS[str(each["state"])],
            each["check"],
            " ".join(str(part) for part in (each["message"], each["remedy"]) if part),
        )
        for each in findings
    ]
    out.table(("", "CHECK", "WHAT WAS FOUND"), rows)
    out.say()
    out.say("Nothing is wrong." if examination.sound else "Something is wrong; see above.")
