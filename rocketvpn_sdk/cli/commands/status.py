"""``status``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rocketvpn_sdk.cli import codes, problems, words
from rocketvpn_sdk.cli.commands.binding import ID_SHOWN
from rocketvpn_sdk.cli.commands.delete import deletions
from rocketvpn_sdk.cli.commands.policy_notices import show_notice
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import RocketVPNError, SecretStoreError
from rocketvpn_sdk.maintenance import Status
from rocketvpn_sdk.wire import Device, Order

_BOUND = {True: "yes", False: "no", None: "cannot be said while the vault is locked"}


@help_text(
    """Show how things are on this device.

    Asks nobody but the secret store, unless --online or --devices is given.
    """
)
def status(
    context: CommandContext,
    online: Annotated[bool, typer.Option("--online", help="Also ask the server about the order.")] = False,
    devices: Annotated[
        bool,
        typer.Option("--devices", help="Also list the order's devices; a code is sent to its e-mail address for that."),
    ] = False,
) -> CommandResult:
    if not context.vault_exists:
        return _nothing(context)
    with context.open(unlock=False) as rocket:
        problem: RocketVPNError | None = None
        try:
            rocket.unlock()
        except SecretStoreError as error:
            problem = error
        now = rocket.status()
        owed = deletions(rocket) if now.waiting else 0
        asked = problem is None
        order = rocket.device.order() if (online or devices) and asked else None
        listed = rocket.device.list() if devices and asked else ()
    document: dict[str, Any] = {
        "vault": now.vault,
        "bound": now.bound,
        "order": now.order,
        "policy_version": now.policy_version,
        "policy_pending": now.policy_pending,
        "notices": list(now.notices),
        "waiting": now.waiting,
        "blocked": list(now.blocked),
        "problem": problems.described(problem) if problem else None,
    }
    if online or devices:
        document["server_order"] = order
    if devices:
        document["devices"] = list(listed)
    code = problems.exit_code(problem) if problem else codes.DONE
    return CommandResult(document, lambda out: _show(out, now, owed, problem, order, listed), code)


def _nothing(context: CommandContext) -> CommandResult:
    policy = context.config.resolved_policy
    document: dict[str, Any] = {
        "vault": None,
        "bound": False,
        "order": None,
        "policy_version": policy.version,
        "policy_pending": None,
        "notices": [],
        "waiting": 0,
        "blocked": [],
        "problem": None,
    }

    def show(out: Out) -> None:
        out.say("Nothing is stored on this device. Bind it with `rocketvpn bind ORDER`.")

    return CommandResult(document, show)


def _show(
    out: Out,
    now: Status,
    owed: int,
    problem: RocketVPNError | None,
    order: Order | None,
    devices: tuple[Device, ...],
) -> None:
    for notice in now.notices:
        show_notice(out, notice)
    out.facts(_facts(now), indent=0)
    if now.policy_pending is not None:
        out.say(f"! Version {now.policy_pending} of the policy is announced: see `rocketvpn policy check`.", hanging=2)
    if owed:
        out.say("Go on with the deletion with `rocketvpn delete --resume`.")
    if (now.waiting or 0) > owed:
        out.say("`rocketvpn queue` shows what waits; it is sent when the server can be reached.")
    if problem:
        out.say()
        out.say(f"{problems.sentence(problem)} {problems.action(problem)}")
    if order:
        _show_order(out, order)
    if devices:
        out.say()
        rows_of = [(each.id[:ID_SHOWN], each.bound_on, _name(each)) for each in devices]
        out.table(("ID", "SINCE", "NAME"), rows_of)


def _facts(now: Status) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("Bound", f"{_BOUND[now.bound]}{f', to the order {now.order}' if now.order else ''}"),
        ("Vault", f"{now.vault.state}, key in the {now.vault.secrets}"),
        ("Folder", now.vault.folder),
        ("Policy", f"version {now.policy_version}"),
    ]
    if now.vault.rotation_owed_since is not None:
        rows.append(("Key", f"its change is owed since {words.moment(utc(now.vault.rotation_owed_since))} UTC"))
    if now.vault.keeps_deleted:
        rows.append(("Deleted", words.keeps(now.vault.keeps_deleted)))
    if now.waiting:
        rows.append(("Waiting", f"{words.counted(now.waiting, 'request')} not confirmed by the server"))
    if now.blocked:
        rows.append(
            ("Blocked", f"{words.listed(now.blocked)}: nothing goes there, since the contract is past its review")
        )
    return rows


def _show_order(out: Out, order: Order) -> None:
    out.heading("At the server")
    used = f"{order.devices_used} of {words.counted(order.devices_allowed, 'device')} in use"
    out.facts([("Order", f"{order.state}, paid until {order.paid_until}"), ("Devices", used)], indent=0)
    for change in order.changes:
        out.say(f"! {words.order_change(change)}", hanging=2)


def _name(device: Device) -> str:
    return f"{device.name} (this device)" if device.current else device.name
