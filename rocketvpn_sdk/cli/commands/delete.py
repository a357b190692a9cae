"""``delete``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocketvpn_sdk.cli import ask, codes, words
from rocketvpn_sdk.cli.call import Call
from rocketvpn_sdk.cli.output import Answer, Out
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.errors import AuthenticationError, DeviceRevoked, ServerError, TransportError, ValueRefused
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.rooms import DELETION

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.client import RocketVPN
    from rocketvpn_sdk.rights import DeletionPlan, HeldValue, Outcome, OwnerRights, Receipt, Server

_NO_CATEGORY = ""
_AS_OWNER = "Have it deleted there with `rocketvpn delete --owner ORDER`: a code comes to the order's e-mail address."


class Reach(StrEnum):
    """How far a deletion reaches."""

    logs = "logs"
    device = "device"
    account = "account"


_REACHES = {
    Reach.logs: "the app's log",
    Reach.device: "everything about this device",
    Reach.account: "everything about you",
}
_PAUSES = (2.0, 4.0, 8.0, 16.0, *(30.0,) * 8)
"""Seconds between one asking and the next in an owner's name: less than the minutes that it is good for."""
_CODES = {"confirmed": codes.DONE, "refused": codes.REFUSED, "waiting_for_user": codes.USER}


def delete(
    call: Call,
    scope: Annotated[Reach, typer.Option(help="The app's log, this device, or everything.")] = Reach.account,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; --json needs this.")] = False,
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the server's signed receipt (JSON).")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what the server has not confirmed.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Do not wait for the server any longer.")] = False,
    owner: Annotated[
        str | None,
        typer.Option(metavar="ORDER", help="As the owner of an order, with no device of it; - reads the number."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="ID", help="With --owner: only this device's data (`view --owner` has its ID)."),
    ] = None,
) -> Answer:
    """Delete what is held about you, here and at the server.

    Shows first what goes, what stays and until when, and what stops working. Here it is gone at once, offline too.
    Until the server has confirmed, a sealed request stays on this device: --resume takes it further, --forget drops it.

    With --owner, deletes at the server alone: for whoever lost the device, or whose device was removed. A code is sent
    to the order's e-mail address for that.
    """
    if sum((plan or owner is not None, resume, forget)) > 1:
        raise ValueRefused(name="options", problem="--resume and --forget go with neither --plan nor --owner")
    if device is not None and owner is None:
        raise ValueRefused(name="options", problem="--device goes with --owner")
    check_receipt_file(receipt)
    if owner is not None:
        return _as_owner(call, ask.order_number(owner), device, receipt, only_plan=plan, yes=yes)
    if resume:
        return _resume(call, receipt, yes=yes)
    if forget:
        return _forget(call, yes=yes)
    return _delete(call, scope, receipt, only_plan=plan, yes=yes)


def _delete(call: Call, scope: Reach, receipt: Path | None, *, only_plan: bool, yes: bool) -> Answer:
    with call.open() as rocket:
        policies = in_force(rocket)
        planned = rocket.rights.plan_delete(scope.value)
        if only_plan:
            return Answer({"plan": planned}, lambda out: show_plan(out, planned, policies))
        show_plan(call.out, planned, policies)
        if not yes:
            ask.confirm("delete", "This cannot be undone.", call.out)
        outcome = rocket.rights.delete(planned)
    saved = save_receipt(outcome.server.receipt, receipt, call.out, offer=not yes)

    def show(out: Out) -> None:
        out.heading("What was done")
        out.say(_here(planned, outcome.here.keys_destroyed), indent=2, hanging=2)
        if outcome.here.rotation_owed:
            out.say("The secret store could not be used; its old key goes at the next opening.", indent=2, hanging=2)
        show_server(out, outcome.server, saved, expected=planned.server_holds)

    document = {"plan": planned, "outcome": outcome, "receipt_file": saved}
    all_done = scope is Reach.logs and outcome.server.state == "not_needed"  # the log is kept on this device alone
    return Answer(document, show, codes.DONE if all_done else _code([outcome.server]))


def _as_owner(
    call: Call, order: str, device: str | None, receipt: Path | None, *, only_plan: bool, yes: bool
) -> Answer:
    with call.open(new=True) as rocket:
        owner = rocket.rights.as_owner(order)
        if only_plan or not yes:
            planned = _owner_plan(owner.view(), device)
            if only_plan:
                return Answer({"plan": planned}, lambda out: show_owner_plan(out, planned))
            show_owner_plan(call.out, planned)
            ask.confirm("delete", "This cannot be undone.", call.out)
        outcome = _followed(owner, device, call.out)
    saved = save_receipt(outcome.server.receipt, receipt, call.out, offer=not yes)

    def show(out: Out) -> None:
        if outcome.server.state == "in_progress":
            out.say("The server has the request and has not confirmed it yet. An owner can ask only for minutes, so no")
            out.say("receipt can be had here later. Ask the operator for it, by the number of the request:")
            out.say(str(outcome.server.request_id), indent=2)
            out.say("`rocketvpn view --owner ORDER` shows whether something is still held.")
            return
        show_server(out, outcome.server, saved, indent=0)
        out.say("On this device nothing was deleted.")

    return Answer({"outcome": outcome, "receipt_file": saved}, show, _code([outcome.server]))


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
        pass  # what it was before still stands
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
    out.say(words.joined([words.name(field) for field in plan["goes"]]), indent=2, hanging=2)
    out.heading("Stays at the server")
    for held in plan["stays"]:
        out.bullet(f"{words.name(held['field'])}, until {held['until']}, {words.basis(held['basis'])}")
    if not plan["stays"]:
        out.say("nothing that it names", indent=2)
    out.heading("Devices")
    out.say(words.joined(plan["devices"], "none"), indent=2, hanging=2)
    out.heading("What stops working")
    for sentence in plan["consequences"]:
        out.bullet(sentence)


def _resume(call: Call, receipt: Path | None, *, yes: bool) -> Answer:
    with call.open() as rocket:
        states = list(rocket.rights.resume())
    saved = None
    for state in states:
        saved = saved or save_receipt(state.receipt, receipt, call.out, offer=not yes)

    def show(out: Out) -> None:
        if not states:
            out.say("Nothing is waiting for the server.")
        for state in states:
            show_server(out, state, saved, indent=0)

    return Answer({"server": states, "receipt_file": saved}, show, _code(states))


def _forget(call: Call, *, yes: bool) -> Answer:
    with call.open() as rocket:
        waiting = deletions(rocket)
        if waiting and not yes:
            ask.confirm("forget", "The server will not be told any more.", call.out)
        rocket.rights.forget_now()

    def show(out: Out) -> None:
        out.say("The request was dropped. What the server holds, it goes on holding." if waiting else "Nothing waited.")

    return Answer({"forgotten": waiting}, show)


def in_force(rocket: RocketVPN) -> tuple[Policy, ...]:
    """Return the versions of the policy that hold on this device, the binding one first."""
    pending = rocket.policy.pending
    return (rocket.policy.current,) if pending is None else (rocket.policy.current, pending)


def deletions(rocket: RocketVPN) -> int:
    """Return how many deletions the server has not confirmed; what else waits for it is not counted."""
    return sum(item.operation == DELETION for item in rocket.queue.items())


def show_plan(out: Out, plan: DeletionPlan, policies: tuple[Policy, ...]) -> None:
    """Print what a deletion would do."""
    out.say(f"Deleting {_REACHES[Reach(plan.scope)]}", style="bold")
    for place, title in (("device", "Goes from this device"), ("server", "Goes from the server")):
        groups = tuple(_by_category(plan, place, policies))
        if groups:
            out.heading(f"{title}, as far as it is held there")
        for about, names in groups:
            out.bullet(f"{about}: {words.joined(names)}")
    _show_server_part(out, plan)
    out.heading("What stops working")
    for sentence in plan.consequences:
        out.bullet(sentence)
    if plan.service_ends and plan.paid_until:
        out.bullet(f"It was paid until {plan.paid_until}.")
    if plan.other_devices:
        out.bullet(f"It reaches your other devices too: {words.joined(plan.other_devices)}.")


def _show_server_part(out: Out, plan: DeletionPlan) -> None:
    """Print what stays at the server, or why that cannot be said."""
    out.heading("Stays at the server")
    if plan.scope == Reach.logs:
        told = "It is told as well; its receipt says whether it held anything of the log."
        out.say(told if plan.server_told else "It is not told: this device is not bound.", indent=2, hanging=2)
        return
    if not plan.server_told:
        out.say("Everything that it holds: it is not told, since this device is not bound.", indent=2, hanging=2)
        out.say(_AS_OWNER, indent=2, hanging=2)
        return
    for field in plan.stays:
        until = f"until {field.until}" if field.until else "as before"
        out.say(
            f"{words.name(field.field)}, {until}, {words.basis(field.basis)}: {field.sentence}", indent=2, hanging=2
        )
    if not plan.stays and plan.server_asked:
        out.say("nothing that it names", indent=2)
    if not plan.server_asked:
        out.say("The server could not be asked, so it may hold back more than is listed here.", indent=2, hanging=2)
    if plan.server_problem == DeviceRevoked.code:
        out.say(f"{DeviceRevoked.sentence} {_AS_OWNER}", indent=2, hanging=2)


def _by_category(plan: DeletionPlan, place: str, policies: tuple[Policy, ...]) -> Iterator[tuple[str, list[str]]]:
    """Yield what goes from a place: a category's sentence, and the fields of it; last, what has none."""
    kept = {field.field for field in plan.stays} if place == "server" else set()
    going = [field.field for field in plan.goes if place in field.places and field.field not in kept]
    about: dict[str, str] = {}
    of_field: dict[str, str] = {}
    for policy in reversed(policies):  # the binding one has the last word
        about |= {category.id: category.sentence["en"].rstrip(".") for category in policy.document.category}
        of_field |= {name: field.category for name, field in policy.fields.items()}
    grouped: dict[str, list[str]] = {category: [] for category in (*about, _NO_CATEGORY)}
    for field in going:
        category = of_field.get(field, _NO_CATEGORY)
        grouped[category if category in about else _NO_CATEGORY].append(words.name(field))
    for category, names in grouped.items():
        if names:
            yield about.get(category, "Something else"), names


def show_server(
    out: Out, server: Server, saved: str | None, *, indent: int = 2, expected: tuple[str, ...] = ()
) -> None:
    """Print what the server has said, as its word; ``expected``: what it said before that it holds, and was to go."""
    sentences = {
        "not_needed": f"The server was not told: this device is not bound. {_AS_OWNER}",
        "confirmed": _erased(server),
        "waiting_for_connection": "The server could not be told yet. Go on with `rocketvpn delete --resume`.",
        "waiting_for_user": "The server wants a code from an e-mail first. Give it with `rocketvpn delete --resume`.",
        "in_progress": "The server has the request and has not confirmed it. Ask again: `rocketvpn delete --resume`.",
        "refused": "The server refused. What is gone here stays gone. `rocketvpn delete --forget` drops the request.",
    }
    problem = f" ({server.problem})" if server.problem else ""
    out.say(sentences[server.state] + problem, indent=indent, hanging=2)
    if server.receipt:
        for held in server.receipt.claims.held_back:
            out.say(
                f"It keeps the {words.name(held.field)} until {held.until}, {words.basis(held.basis)}.",
                indent=indent,
                hanging=2,
            )
        claims = server.receipt.claims
        silent = set(expected).difference(claims.erased, (held.field for held in claims.held_back))
        if silent:
            names = words.joined([words.name(field) for field in sorted(silent)])
            out.say(
                f"! It said that it held this, and does not say that it deleted it: {names}.", indent=indent, hanging=2
            )
            out.say("Ask the operator about it, with the receipt.", indent=indent, hanging=2)
        if saved:
            out.say(f"The receipt is in {saved}.", indent=indent, hanging=2)


def _erased(server: Server) -> str:
    """Return what the server's receipt says it deleted."""
    erased = server.receipt.claims.erased if server.receipt else []
    if not erased:
        return "The server says that there was nothing for it to delete, and has signed that."
    names = words.joined([words.name(field) for field in erased])
    return f"The server says that it has deleted this, and has signed that: {names}."


def _here(plan: DeletionPlan, keys: int) -> str:
    what = _REACHES[Reach(plan.scope)]
    return f"On this device {what} is gone: {words.counted(keys, 'log key')} destroyed, and the key above them changed."


def _code(states: list[Server]) -> int:
    return next((code for state in states if (code := _CODES.get(state.state, codes.PENDING))), codes.DONE)


def check_receipt_file(path: Path | None) -> None:
    """Find out before the deletion what would lose the receipt after it."""
    if path is not None and path.exists():
        raise ValueRefused(name="--receipt", problem=f"{path} is there already")
    if path is not None and not os.access(path.absolute().parent, os.W_OK):
        raise ValueRefused(name="--receipt", problem=f"{path.absolute().parent} cannot be written to")


def save_receipt(receipt: Receipt | None, path: Path | None, out: Out, *, offer: bool) -> str | None:
    """Save a receipt with what it takes to check it again; return where. If that fails, print it: it exists once.

    Args:
        receipt: the receipt; ``None``: there is none.
        path: where to; ``None``: see ``offer``.
        out: where it is printed.
        offer: whether to ask at a terminal where to, if ``path`` does not say.
    """
    if receipt is None:
        return None
    from rocketvpn_sdk.rights import receipt_to_json

    content = receipt_to_json(receipt)
    if path is None:
        return _offered(content, out) if offer and not out.json and ask.at_terminal() else None
    try:
        write_new(path, content)
    except OSError as error:
        problem = f"It is deleted, but the receipt could not be saved in {path} ({error.strerror})."
        failed = CommandError(problem, advice="It was printed instead: keep that.")
        failed.params["receipt"] = json.loads(content)
        if not out.json:
            sys.stdout.write(content.decode())
            sys.stdout.flush()
        raise failed from None
    return str(path)


def _offered(content: bytes, out: Out) -> str | None:
    """Ask where to save a receipt, until it is saved or not wanted."""
    out.say()
    out.say("The server has confirmed it, and signed a receipt. It cannot be had again.")
    while answer := ask.line("File for the receipt, or Enter for none: "):
        try:
            write_new(Path(answer).expanduser(), content)
        except OSError as error:
            out.error(f"It cannot be saved there ({error.strerror}).")
            continue
        return answer
    return None


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, for this user alone; nothing is left of one that could not be written.

    Raises:
        OSError: it is there, or cannot be written.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
