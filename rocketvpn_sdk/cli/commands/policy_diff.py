"""``policy diff``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rocketvpn_sdk.cli import codes, words
from rocketvpn_sdk.cli.commands.policy_show import Language
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.policy import Difference, Policy, PolicyChange, compare, load_policy


@help_text(
    """Tell what a new version takes from the user, and gives.

    Exit code 0: it takes nothing. 1: it reduces rights, and has to be announced. 2: a file cannot be read.
    """
)
def diff(
    context: CommandContext,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The policy that binds (TOML or JSON).")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The one that is to follow it.")],
    language: Language = "en",
) -> CommandResult:
    del context
    before, after = load_policy(old), load_policy(new)
    change = compare(before, after, language=language)
    document = {
        "reduces_rights": change.reduces_rights,
        "widened": change.widened,
        "narrowed": change.narrowed,
        "newly_necessary": change.newly_necessary,
        "reconsent": sorted(change.reconsent),
        "old": {"version": before.version, "sha256": before.sha256},
        "new": {"version": after.version, "sha256": after.sha256},
    }
    code = codes.REFUSED if change.reduces_rights else codes.DONE
    return CommandResult(document, lambda out: _show(out, before, after, change), code)


def _show(out: Out, before: Policy, after: Policy, change: PolicyChange) -> None:
    out.say(f"From version {before.version} to version {after.version}", style="bold")
    _list(out, "It takes", change.widened)
    _list(out, "It gives", change.narrowed)
    _list(out, "It needs something new, which the user may accept at once", change.newly_necessary)
    if change.reconsent:
        out.heading("Agreements that have to be asked for again")
        out.say(words.listed(sorted(change.reconsent)), indent=2)
    out.say()
    days = words.counted(before.document.notice_days, "day")
    if change.reduces_rights:
        out.say(f"It reduces rights: it binds {days} after it was shown, and not before its date.")
    else:
        out.say("It reduces no right.")


def _list(out: Out, head: str, differences: Sequence[Difference]) -> None:
    if differences:
        out.heading(head)
    for difference in differences:
        out.bullet(f"{difference.sentence} ({difference.rule})")
