"""``requests``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import ask, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.errors import ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import DataRequest, RequestList

_STATES = {
    "waiting": "waits here",
    "waiting_for_user": "waits for you",
    "refused": "refused",
    "in_progress": "in progress",
}


@help_text(
    """Show what you asked for, and how far that is.

    What waits on this device is listed beside what the server has. A request can be called off while it is open; what
    was deleted here stays deleted. Where your order has no confirmed e-mail address, the deletion of everything waits
    for a week, and each device of the order can call it off, whichever asked for it.
    """
)
def requests(
    context: CommandContext,
    request_id: Annotated[str | None, typer.Argument(metavar="ID", help="Only this one, in full.")] = None,
    cancel: Annotated[str | None, typer.Option("--cancel", metavar="ID", help="Call this one off.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --cancel; --json needs this.")] = False,
) -> CommandResult:
    if request_id is not None and cancel is not None:
        raise ValueRefused(name="ID", problem="give either an ID to look at or --cancel ID")
    with context.open() as rocket:
        if cancel is not None:
            if not yes:
                question = f"The request {cancel} will be called off, and what it asks for will not be done."
                ask.confirm("cancel", question, context.out, stopped="The request was not called off.")
            done = rocket.rights.cancel(cancel)
        elif request_id is not None:
            done = rocket.rights.request(request_id)
        else:
            listed = rocket.rights.requests()
            return CommandResult(listed, lambda out: _show_all(out, listed))
    return CommandResult({"request": done}, lambda out: out.facts(_facts(done), indent=0))


def _show_all(out: Out, listed: RequestList) -> None:
    if listed.requests:
        rows = [
            (
                each.id,
                words.day(at) if (at := each.asked_at or each.received_at) else "",
                f"{each.exercise} of {each.scope}",
                _state(each),
            )
            for each in listed.requests
        ]
        out.table(("ID", "ASKED", "WHAT", "STATUS"), rows)
        for each in listed.requests:
            if each.waits_until is not None:
                who = "another device" if each.by_another else "this device"
                out.say(f"{each.id} waits until {words.day(each.waits_until)}; {who} asked for it.")
                out.say(f"Call it off: `rocketvpn requests --cancel {each.id}`.", indent=2)
    elif listed.server_answered:
        out.say("You have asked for nothing.")
    if not listed.server_answered:
        out.say(f"The server did not answer ({listed.server_problem}), so only what waits here is shown.")


def _facts(each: DataRequest) -> Iterator[tuple[str, object]]:
    yield "id", each.id
    yield "what", _what(each)
    yield "status", _state(each)
    for name in ("asked_at", "received_at", "waits_until", "expected_by", "expires_at"):
        at = getattr(each, name)
        if at is not None:
            yield words.name(name), f"{words.moment(at)} UTC"
    for name in ("problem", "reason", "processing_details", "results_url"):
        said = getattr(each, name)
        if said:
            yield words.name(name), said


def _what(each: DataRequest) -> str:
    return f"{each.exercise} of {each.scope}{', by another device' if each.by_another else ''}"


def _state(each: DataRequest) -> str:
    if each.waits_until is not None:
        return "waits"
    return _STATES.get(each.status, each.status)
