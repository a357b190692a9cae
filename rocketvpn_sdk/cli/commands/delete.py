"""``delete``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import ask, codes, words
from rocketvpn_sdk.cli.commands.delete_owner import delete_as_owner
from rocketvpn_sdk.cli.commands.delete_shown import REACHES, DeletionScope, code_of, show_plan, show_server
from rocketvpn_sdk.cli.commands.receipt_file import check_receipt_file, save_receipt
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.context import DELETION
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.policy import Policy

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.client import RocketVPN
    from rocketvpn_sdk.rights import DeletionPlan


@help_text(
    """Delete what is held about you, here and at the server.

    Shows first what goes, what stays and until when, and what stops working. Here it is gone at once, offline too.
    Until the server has confirmed, a sealed request stays on this device: --resume takes it further, --forget drops it.
    Deleting the account needs a code from an e-mail; with --with-code it is asked for first, and what is shown before
    the deletion is complete.

    With --owner, deletes at the server alone: for whoever lost the device, or whose device was removed. A code is sent
    to the order's e-mail address for that.
    """
)
def delete(
    context: CommandContext,
    scope: Annotated[
        DeletionScope,
        typer.Option(metavar="WHAT", help="logs (the app's log), device (this one) or account (everything)."),
    ] = DeletionScope.account,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be deleted.")] = False,
    with_code: ask.WithCode = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; --json needs this.")] = False,
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the server's signed receipt (JSON); - prints it.")
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
) -> CommandResult:
    if sum((plan or owner is not None, resume, forget)) > 1:
        raise ValueRefused(name="options", problem="--resume and --forget go with neither --plan nor --owner")
    if device is not None and owner is None:
        raise ValueRefused(name="options", problem="--device goes with --owner")
    if receipt is not None:
        check_receipt_file(receipt, context.out, context.config.folder)
    if owner is not None:
        return delete_as_owner(context, ask.order_number(owner), device, receipt, only_plan=plan, yes=yes)
    if resume:
        return _resume(context, receipt, yes=yes)
    if forget:
        return _forget(context, yes=yes)
    return _delete(context, scope, receipt, only_plan=plan, with_code=with_code, yes=yes)


def _delete(
    context: CommandContext, scope: DeletionScope, receipt: Path | None, *, only_plan: bool, with_code: bool, yes: bool
) -> CommandResult:
    with context.open() as rocket:
        policies = in_force(rocket)
        planned = rocket.rights.plan_delete(scope.value, with_code=with_code)
        if only_plan:
            return CommandResult({"plan": planned}, lambda out: show_plan(out, planned, policies))
        show_plan(context.out, planned, policies)
        if not yes:
            ask.confirm("delete", "This cannot be undone.", context.out)
        outcome = rocket.rights.delete(planned)
    saved = save_receipt(outcome.server.receipt, receipt, context.out, offer=not yes)

    def show(out: Out) -> None:
        out.heading("What was done")
        out.say(_here(planned, outcome.here.keys_destroyed), indent=2, hanging=2)
        if outcome.here.rotation_owed:
            out.say("The secret store could not be used; its old key goes at the next opening.", indent=2, hanging=2)
        if outcome.here.keeps_deleted:
            out.say(words.keeps(outcome.here.keeps_deleted), indent=2, hanging=2)
        show_server(out, outcome.server, saved, expected=planned.server_holds)

    document = {"plan": planned, "outcome": outcome, "receipt_file": saved}
    all_done = (
        scope is DeletionScope.logs and outcome.server.state == "not_needed"
    )  # the log is kept on this device alone
    return CommandResult(document, show, codes.DONE if all_done else code_of([outcome.server]))


def _resume(context: CommandContext, receipt: Path | None, *, yes: bool) -> CommandResult:
    with context.open() as rocket:
        states = list(rocket.rights.resume())
    saved = None
    for state in states:
        saved = saved or save_receipt(state.receipt, receipt, context.out, offer=not yes)

    def show(out: Out) -> None:
        if not states:
            out.say("Nothing is waiting for the server.")
        for state in states:
            show_server(out, state, saved, indent=0)

    return CommandResult({"server": states, "receipt_file": saved}, show, code_of(states))


def _forget(context: CommandContext, *, yes: bool) -> CommandResult:
    with context.open() as rocket:
        waiting = deletions(rocket)
        if waiting and not yes:
            ask.confirm("forget", "The server will not be told any more.", context.out)
        rocket.rights.forget_now()

    def show(out: Out) -> None:
        out.say("The request was dropped. What the server holds, it goes on holding." if waiting else "Nothing waited.")

    return CommandResult({"forgotten": waiting}, show)


def in_force(rocket: RocketVPN) -> tuple[Policy, ...]:
    """Return the versions of the policy that hold on this device, the binding one first."""
    pending = rocket.policy.pending
    return (rocket.policy.current,) if pending is None else (rocket.policy.current, pending)


def deletions(rocket: RocketVPN) -> int:
    """Return how many deletions the server has not confirmed; what else waits for it is not counted."""
    return sum(item.operation == DELETION for item in rocket.queue.items())


def _here(plan: DeletionPlan, keys: int) -> str:
    what = REACHES[DeletionScope(plan.scope)]
    return f"On this device {what} is gone: {words.counted(keys, 'log key')} destroyed, and the key above them changed."
