"""``erase``: use a panic ticket, on any machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import ask, files
from rocketvpn_sdk.cli.commands import receipt as receipts
from rocketvpn_sdk.cli.commands.receipt_file import check_receipt_file, print_somewhere, save_receipt
from rocketvpn_sdk.cli.commands.ticket import REACHES, TicketScope
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.plain import clean
from rocketvpn_sdk.errors import ExportFailed, RocketVPNError, ValueRefused
from rocketvpn_sdk.files import read_root

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import ErasureOutcome

_ON_DEVICES = (
    "A device of yours still has what is on it: it learns at its next call that it was removed, and the app can delete"
    " the rest there."
)


@help_text(
    """Have erased what a panic ticket is for. It cannot be undone.

    Needs no device that is bound, no vault and no settings: the server stands in the ticket. Nothing is left on this
    machine but the receipt, if you want one.
    """
)
def erase(
    context: CommandContext,
    ticket: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The ticket; - reads it, and without this it is asked for."),
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the signed receipt (JSON); - prints it.")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CA certificates; else the operating system's.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The operator's TUF root: then the receipt can be checked again later."),
    ] = None,
    proxy: Annotated[
        str | None, typer.Option(metavar="URL", help="The HTTP proxy of this place, if it has one.")
    ] = None,
    no_pins: Annotated[
        bool, typer.Option("--no-pins", help="Take the certificate alone: the ticket's pinned keys were replaced.")
    ] = False,
    allow_tls12: Annotated[
        bool, typer.Option("--allow-tls12", help="Take TLS 1.2 too; a ticket says it if the app does.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; --json needs this.")] = False,
) -> CommandResult:
    from rocketvpn_sdk.rights import erase_with_ticket, read_ticket

    check_receipt_file(receipt, context.out)
    known = read_ticket(_text(context.out, ticket))
    context.out.say(f"{known.server} will erase {REACHES[TicketScope(known.scope)]}.")
    if not yes:
        ask.confirm("erase", "This cannot be undone.", context.out)
    trusted = None if root is None else read_root(root, setting="--root")
    try:
        done = erase_with_ticket(
            known,
            trust=trust,
            pins=() if no_pins else None,
            allow_tls12=allow_tls12,
            trusted_root=trusted,
            proxy=proxy,
        )
    except RocketVPNError as error:
        _show_outcome(context.out, error, receipt)
        raise
    saved = save_receipt(done.receipt, receipt, context.out, offer=not yes)
    document = {"erased": True, "scope": known.scope, "receipt": done.receipt, "receipt_file": saved, "sent": done.sent}
    return CommandResult(document, lambda out: show(out, done, saved))


def show(out: Out, done: ErasureOutcome, saved: str | None) -> None:
    """Print what the server says that it has done."""
    out.say()
    out.say("The server says that it is erased, and has signed that. The ticket is used up.", style="bold")
    receipts.show_claims(out, done.receipt)
    out.say()
    out.say(receipts.CAVEAT)
    out.say(_ON_DEVICES)
    if saved:
        later = "Check it with `rocketvpn receipt`." if done.receipt.evidence else "Its keys came over TLS alone."
        out.say(f"The receipt is in {saved}. {later}")


def _show_outcome(out: Out, error: RocketVPNError, receipt: Path | None) -> None:
    """Say what may be erased although the command fails, and keep a receipt that came; --json has both in its error."""
    if error.params.get("perhaps_erased"):
        _print_error(
            out, "It may have been erased. Run it again with the same ticket within a day: then the receipt comes."
        )
    token = error.params.get("token")
    if token is None:
        return
    if files.is_stdout(receipt):
        print_somewhere(token, out)
        _print_error(out, "It is erased. What came as a receipt was printed; it could not be verified.")
        return
    if receipt is None:
        _print_error(
            out, "It is erased. What came as a receipt was not saved: run it again with --receipt within a day."
        )
        return
    path = receipt.with_name(f"{receipt.name}.unverified")
    try:
        files.write(path, f"{token}\n".encode(), name="--receipt")
    except (ValueRefused, ExportFailed) as problem:
        why = problem.params["problem"]
        _print_error(out, f"It is erased. What came as a receipt could not be saved in {path} ({why}); it is:")
        if not out.json:
            out.error(clean(token), as_is=True)
        return
    _print_error(out, f"It is erased. What came as a receipt is in {path}; it could not be verified.")


def _print_error(out: Out, text: str) -> None:
    if not out.json:
        out.error(text)


def _text(out: Out, given: str | None) -> str:
    """Return the ticket's text; asked for, since other users of the machine can see what stands on a command line."""
    if given is None:
        return ask.line("The ticket, as it stands on the paper: ")
    if given == ask.STDIN:
        return sys.stdin.read(ask.LONGEST_LINE)
    out.error("Other users of this machine may see what stands on a command line; - reads the ticket instead.")
    return given
