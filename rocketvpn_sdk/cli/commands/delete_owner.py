"""``delete --owner``: at the server alone, without a device of the order."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocketvpn_sdk.cli import ask, words
from rocketvpn_sdk.cli.commands.delete_shown import code_of, show_server
from rocketvpn_sdk.cli.commands.receipt_file import save_receipt
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.interrupts import interrupts
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.errors import AuthenticationError, ServerError, TransportError, ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import HeldValue, Outcome, OwnerRights

_PAUSES = (2.0, 4.0, 8.0, 16.0, *(30.0,) * 8)
"""Seconds between one asking and the next in an owner's name: less than the minutes that it is good for."""
_NOT_CONFIRMED = (
    "The server has the request and has not confirmed it yet. An owner can ask only for minutes, so no receipt can be"
    " had here later. Ask the operator for it, by the number of the request:"
)


def delete_as_owner(
    context: CommandContext, order: str, device: str | None, receipt: Path | None, *, only_plan: bool, yes: bool
) -> CommandResult:
    """Have the server delete what it holds about an order, or one device of it, in the name of the order's owner."""
    with context.open(new=True) as rocket:
        owner = rocket.rights.as_owner(order)
        if only_plan or not yes:
            planned = _owner_plan(owner.view(), device)
            if only_plan:
                return CommandResult({"plan": planned}, lambda out: show_owner_plan(out, planned))
            show_owner_plan(context.out, planned)
            ask.confirm("delete", "This cannot be undone.", context.out)
        outcome = _followed(owner, device, context.out)
    saved = save_receipt(outcome.server.receipt, receipt, context.out, offer=not yes)

    def show(out: Out) -> None:
        if outcome.server.state == "in_progress":
            out.say(_NOT_CONFIRMED)
            out.say(str(outcome.server.request_id), indent=2)
            out.say("`rocketvpn view --owner ORDER` shows whether something is still held.")
            return
        show_server(out, outcome.server, saved, indent=0)
        out.say("On this device nothing was deleted.")

    return CommandResult({"outcome": outcome, "receipt_file": saved}, show, code_of([outcome.server]))


def _followed(owner: OwnerRights, device: str | None, out: Out) -> Outcome:
    """Ask for the deletion, and again while the owner's minutes last: there is nobody who could ask later."""
    outcome = owner.delete("device", device) if device else owner.delete()
    try:
        for pause in _PAUSES:
            if outcome.server.state != "in_progress":
                break
            out.say("The server has not confirmed it yet. Asking again; Ctrl-C ends the wait.")
            time.sleep(pause)
            outcome = owner.delete("device", device) if device else owner.delete()
    except (KeyboardInterrupt, AuthenticationError, TransportError, ServerError):
        interrupts.taken()  # what it was before still stands
    return outcome


def _owner_plan(held: tuple[HeldValue, ...], device: str | None) -> dict[str, Any]:
    """Return what an owner's deletion would do, by what the server says that it holds."""
    from rocketvpn_sdk.rights.plan import CONSEQUENCES

    names = [str(value.value) for value in held if value.field == "device_name"]
    if device is not None:
        held = _of_device(held, device)
        names = [str(value.value) for value in held if value.field == "device_name"]
    stays = {value.field: value.hold for value in held if value.hold is not None}
    return {
        "scope": "device" if device else "account",
        "goes": sorted({value.field for value in held} - set(stays)),
        "stays": [{"field": field, "until": hold.until, "basis": hold.basis} for field, hold in stays.items()],
        "devices": names,
        "consequences": ["That device can no longer use the VPN."] if device else list(CONSEQUENCES["account"]),
    }


def _of_device(held: tuple[HeldValue, ...], device: str) -> tuple[HeldValue, ...]:
    """Return what is about one device: from its id on, up to the next one's."""
    starts = [at for at, value in enumerate(held) if value.field == "device_id"]
    for start, end in zip(starts, [*starts[1:], len(held)], strict=True):
        if held[start].value == device:
            return held[start:end]
    raise ValueRefused(name="--device", problem="the order has no such device")


def show_owner_plan(out: Out, plan: dict[str, Any]) -> None:
    """Print what an owner's deletion would do."""
    what = "one device" if plan["scope"] == "device" else "the order and all its devices"
    out.say(f"Deleting what the server holds about {what}", style="bold")
    out.heading("Goes from the server")
    out.say(words.listed([words.name(field) for field in plan["goes"]]), indent=2, hanging=2)
    out.heading("Stays at the server")
    for held in plan["stays"]:
        out.bullet(f"{words.name(held['field'])}, until {held['until']}, {words.basis(held['basis'])}")
    if not plan["stays"]:
        out.say("nothing that it names", indent=2)
    out.heading("Devices")
    out.say(words.listed(plan["devices"], "none"), indent=2, hanging=2)
    out.heading("What stops working")
    for sentence in plan["consequences"]:
        out.bullet(sentence)
