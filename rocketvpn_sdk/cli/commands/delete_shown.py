"""What a deletion would do, and what came of it, as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

from rocketvpn_sdk.cli import codes, words
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.errors import DeviceRevoked
from rocketvpn_sdk.policy import Policy

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import DeletionPlan, Server


_NO_CATEGORY = ""
_WITHHELD = "Goes from the server, if it is there and no law holds it back (--with-code shows which)"
_AS_OWNER = "Have it deleted there with `rocketvpn delete --owner ORDER`: a code comes to the order's e-mail address."
_WAITS = (
    "The rest: in {}, since your order has no confirmed e-mail address and nobody can be asked for a code. Until then"
    " each of its devices is told, and can call it off with `rocketvpn requests --cancel ID`."
)
_CODES = {"confirmed": codes.DONE, "refused": codes.REFUSED, "waiting_for_user": codes.USER}


class DeletionScope(StrEnum):
    """How far a deletion reaches."""

    logs = "logs"
    device = "device"
    account = "account"


REACHES = {
    DeletionScope.logs: "the app's log",
    DeletionScope.device: "everything about this device",
    DeletionScope.account: "everything about you",
}


def show_plan(out: Out, plan: DeletionPlan, policies: tuple[Policy, ...]) -> None:
    """Print what a deletion would do."""
    out.say(f"Deleting {REACHES[DeletionScope(plan.scope)]}", style="bold")
    for title, fields in _parts(plan):
        if fields:
            out.heading(title)
        for about, names in _by_category(fields, policies):
            out.bullet(f"{about}: {words.listed(names)}")
    _show_server_part(out, plan)
    out.heading("What stops working")
    for sentence in plan.consequences:
        out.bullet(sentence)
    if plan.service_ends and plan.paid_until:
        out.bullet(f"It was paid until {plan.paid_until}.")
    if plan.other_devices:
        out.bullet(f"It reaches your other devices too: {words.listed(plan.other_devices)}.")
    if plan.waits_days:
        out.heading("When")
        days = words.counted(plan.waits_days, "day")
        out.say(f"What is on this device, and what the server holds about it: at once. {_WAITS.format(days)}", indent=2)


def _show_server_part(out: Out, plan: DeletionPlan) -> None:
    """Print what stays at the server, or why that cannot be said."""
    out.heading("Stays at the server")
    if plan.scope == DeletionScope.logs:
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
    if plan.withheld:
        out.say("It may hold back more than is listed here; --with-code asks it.", indent=2, hanging=2)
    if not plan.server_asked:
        out.say("The server could not be asked, so it may hold back more than is listed here.", indent=2, hanging=2)
    if plan.server_problem == DeviceRevoked.code:
        out.say(f"{DeviceRevoked.MESSAGE} {_AS_OWNER}", indent=2, hanging=2)


def _parts(plan: DeletionPlan) -> tuple[tuple[str, list[str]], ...]:
    """Return what goes from where; last, what may: a server that was not asked has not said what it holds."""
    here, there = ([field.field for field in plan.goes if place in field.places] for place in ("device", "server"))
    here += [field.field for field in plan.stays if "device" in field.goes_from]
    why = "it is not asked about the log" if plan.scope == DeletionScope.logs else "it could not be asked"
    may = f"Goes from the server, if it is there ({why}; this is what the policy lets it hold)"
    return (
        ("Goes from this device", here),
        ("Goes from the server", there),
        (may, [field.field for field in plan.server_may_hold]),
        (_WITHHELD, [field.field for field in plan.withheld]),
    )


def _by_category(going: list[str], policies: tuple[Policy, ...]) -> Iterator[tuple[str, list[str]]]:
    """Yield a category's sentence, and those of the fields that are of it; last, what has none."""
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
    if server.waits_until is not None:
        sentences["in_progress"] = (
            f"The server deletes the rest on {words.day(server.waits_until)}, unless a device of your order calls it"
            " off: it has no confirmed e-mail address. Fetch the receipt then: `rocketvpn delete --resume`."
        )
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
            names = words.listed([words.name(field) for field in sorted(silent)])
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
    names = words.listed([words.name(field) for field in erased])
    return f"The server says that it has deleted this, and has signed that: {names}."


def code_of(states: list[Server]) -> int:
    """Return the exit code for how deletions stand at the server."""
    return next((code for state in states if (code := _CODES.get(state.state, codes.PENDING))), codes.DONE)
