"""``queue``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.groups.queue import Cancelled, WaitingRequest

_STATES = {
    "waiting": "waiting for a connection",
    "waiting_for_user": "waiting for you",
    "accepted": "the server has it and has not finished",
    "refused": "refused by the server",
}


class Action(StrEnum):
    """What to do with a request."""

    cancel = "cancel"


@help_text(
    """List what waits for the server, or cancel some of it.

    A request can be cancelled where no right of yours goes with it. What was done on this device stays done.
    """
)
def queue(
    context: CommandContext,
    action: Annotated[Action | None, typer.Argument(help="cancel: take a request back.")] = None,
    request: Annotated[str | None, typer.Argument(metavar="[ID]", help="Which; the list shows it.")] = None,
) -> CommandResult:
    if (action is None) != (request is None):
        raise ValueRefused(name="ID", problem="`rocketvpn queue cancel ID` takes one, from the list")
    if request is None and not context.vault_exists:
        return CommandResult({"queue": []}, _nothing)
    with context.open() as rocket:
        if request is not None:
            done = rocket.queue.cancel(request)
            return CommandResult({"cancelled": done}, lambda out: _show_cancelled(out, done))
        items = rocket.queue.items()
    return CommandResult({"queue": list(items)}, lambda out: _show(out, items))


def _nothing(out: Out) -> None:
    out.say("Nothing waits for the server.")


def _show(out: Out, items: tuple[WaitingRequest, ...]) -> None:
    if not items:
        _nothing(out)
        return
    for item in items:
        out.heading(item.sentence)
        rows = [("Request", item.id), ("Since", f"{words.moment(item.since)} UTC"), ("State", _state(item))]
        if item.due is not None:
            rows.append(("Next try", f"{words.moment(item.due)} UTC, by an app that works in the background"))
        rows.append(("Cancel", f"rocketvpn queue cancel {item.id}" if item.can_cancel else f"no: {item.why_not}"))
        out.facts(rows)
    out.say()
    out.say("`rocketvpn delete --resume` takes a deletion further; the rest goes with the next call to the server.")


def _state(item: WaitingRequest) -> str:
    tried = f" after {words.counted(item.tries, 'try', 'tries')}" if item.tries else ""
    return _STATES[item.state] + tried + (f" ({item.problem})" if item.problem else "")


def _show_cancelled(out: Out, done: Cancelled) -> None:
    out.say(f"Cancelled: {done.request.sentence} {done.sentence}")
