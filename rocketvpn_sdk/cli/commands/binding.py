"""``bind`` and ``unbind``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocketvpn_sdk.cli import ask, words
from rocketvpn_sdk.cli.commands import ticket as tickets
from rocketvpn_sdk.cli.commands.policy_show import Language
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import CommandError, exit_code, sentence
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.entered import plain
from rocketvpn_sdk.errors import DeviceExists, DeviceLimitReached, NotBound, RocketVPNError, ValueRefused
from rocketvpn_sdk.masking import mask
from rocketvpn_sdk.wire import Device

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import PanicTicket

ID_SHOWN = 8
_WHOLE_ID = 52


@help_text(
    """Bind this device to an order.

    Sends the order number, a number made for this device, and a public key; nothing else. If the order has all the
    devices that it allows, the list of them is shown: name one with --replace, by the beginning of its ID or by its
    name. That needs a code, which the server sends to the order's e-mail address. If the order has a device by this
    machine's number, it is shown: name it with --replace if it is this one, installed again, or say --another if this
    machine is a copy of that one.
    """
)
def bind(
    context: CommandContext,
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order number; - reads it.")],
    replace: Annotated[
        str | None, typer.Option(metavar="ID", help="Put this device in the place of one of the order's others.")
    ] = None,
    another: Annotated[
        bool, typer.Option("--another", help="This machine is a copy of a bound one: bind it as a device of its own.")
    ] = False,
    language: Language = "en",
    ticket: Annotated[
        bool, typer.Option("--ticket", help="Make a panic ticket too (see `rocketvpn ticket make`).")
    ] = False,
) -> CommandResult:
    order = ask.order_number(order)
    with context.open(new=True) as rocket:
        advice = rocket.policy.advice(language)
        context.out.say(advice)  # before anything is sent (M1)
        binding = rocket.device.bind(order, replace=_to_replace(rocket, order, replace, another), another=another)
        made = _ticket(rocket) if ticket else None
    document: dict[str, Any] = {
        "bound": True,
        "order": mask(binding.order_number),
        "device_id": mask(binding.device_id),
        "bound_on": binding.bound_on,
        "advice": advice,
    }
    if made is not None:
        document["panic_ticket"] = tickets.document(made)

    def show(out: Out) -> None:
        out.say(f"This device is bound to the order {mask(binding.order_number)}.")
        out.say("See what is held about you with `rocketvpn view`.")
        if made is not None:
            out.say()
            tickets.show(out, made)

    return CommandResult(document, show)


def _ticket(rocket: RocketVPN) -> PanicTicket:
    """Make a ticket for the account; where that fails, say that the binding stands all the same."""
    try:
        return rocket.rights.make_ticket("account")
    except RocketVPNError as error:
        problem = f"This device is bound, and no ticket was made. {sentence(error)}"
        raise CommandError(
            problem, advice="Make one with `rocketvpn ticket make`.", exit_code=exit_code(error)
        ) from None


@help_text(
    """Take this device, or another one, off its order.

    The server is told first; only then the binding and the key here are destroyed. The log stays: `rocketvpn delete`
    removes that too. Another device needs a code, which is sent to the order's e-mail address;
    `rocketvpn status --devices` lists them.
    """
)
def unbind(
    context: CommandContext,
    device: Annotated[
        str | None, typer.Argument(metavar="ID", help="Another device of the order, by ID or name.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; --json needs this.")] = False,
) -> CommandResult:
    with context.open() as rocket:
        target = None if device is None else chosen(rocket.device.list(), device, "ID")
        own = target is None or target.current
        if rocket.device.binding is None:
            raise NotBound
        if not yes:
            what = "This device" if own else f"The device {target.name if target else ''}"
            question = f"{what} will be taken off the order, and its key will be worth nothing."
            ask.confirm("unbind", question, context.out, stopped="Nothing was changed.")
        rocket.device.unbind(None if target is None else target.id)
    document = {"unbound": True, "this_device": own, "name": None if target is None else target.name}

    def show(out: Out) -> None:
        out.say("This device is not bound any more." if own else f"{target.name if target else ''} was taken off.")

    return CommandResult(document, show)


def chosen(devices: tuple[Device, ...], wanted: str, argument: str) -> Device:
    """Return the device that ``wanted`` names: the beginning of an ID, or a name.

    Raises:
        ValueRefused: it names none of them, or several.
    """
    name = plain(wanted).strip().casefold()
    found = [
        each
        for each in devices
        if each.name.casefold() in (name, wanted.casefold()) or (len(name) > 3 and each.id.casefold().startswith(name))
    ]
    if len(found) != 1:
        why = "it fits several devices" if found else "the order has no such device"
        raise ValueRefused(name=argument, problem=f"{why}; there are {words.listed([each.name for each in devices])}")
    return found[0]


def _to_replace(rocket: RocketVPN, order: str, wanted: str | None, another: bool) -> str | None:
    """Return the whole ID of the device to replace; the server gives the list when it refuses to bind without."""
    if wanted is None or len(wanted) == _WHOLE_ID or rocket.device.binding is not None:
        return wanted
    try:
        rocket.device.bind(order, another=another)
    except (DeviceLimitReached, DeviceExists) as refused:
        return chosen(refused.devices, wanted, "--replace").id
    return None
