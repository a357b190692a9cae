"""``policy lint``."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Annotated

import typer

from rocketvpn_sdk.cli import codes, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.errors import EventUndeclared, PolicyInvalid
from rocketvpn_sdk.journal import Event
from rocketvpn_sdk.journal.event import shape_of
from rocketvpn_sdk.policy import Policy, check_events
from rocketvpn_sdk.policy.reading import lint_policy


class LintFailed(CommandError):
    """The file, or an event class, is not what the rules allow."""

    code = "policy-invalid"


@help_text("Check a policy's file, and an app's events against it.")
def lint(
    context: CommandContext,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy (TOML or JSON).")],
    events: Annotated[
        str | None, typer.Option(metavar="MODULE", help="Also check this Python module's event classes.")
    ] = None,
) -> CommandResult:
    del context
    try:
        policy = lint_policy(file)
        checked = _check(policy, events) if events else 0
    except (PolicyInvalid, EventUndeclared) as error:
        # No exit code for "wrong usage": finding this is what the command is for.
        raise LintFailed(error.message) from None
    counts = {
        "fields": len(policy.fields),
        "purposes": len(policy.purposes),
        "operations": len(policy.operations),
        "recipients": len(policy.recipients),
        "events": len(policy.events),
        "features": len(policy.features),
    }
    document = {"valid": True, "policy_id": policy.document.policy_id, "version": policy.version, **counts}

    def show(out: Out) -> None:
        said = words.listed([words.counted(number, noun.removesuffix("s")) for noun, number in counts.items()])
        out.say(f"{file} is valid: version {policy.version}, {said}.")
        if events:
            out.say(f"{words.counted(checked, 'event class', 'event classes')} of {events} fit it.")

    return CommandResult({**document, "event_classes": checked}, show)


def _check(policy: Policy, module: str) -> int:
    """Check the event classes of ``module``, which is imported for that; return how many there are."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise CommandError(f"The module {module!r} cannot be imported ({error}).", exit_code=codes.USAGE) from None
    finally:
        sys.path.pop(0)
    kinds = [
        kind
        for _, kind in inspect.getmembers(found, inspect.isclass)
        if issubclass(kind, Event) and kind is not Event and kind.__module__ == module
    ]
    check_events(policy, [shape_of(kind) for kind in kinds])
    return len(kinds)
