"""The commands put together, and their exit codes."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from rocketvpn_sdk._version import __version__
from rocketvpn_sdk.cli import codes, problems
from rocketvpn_sdk.cli.call import register
from rocketvpn_sdk.cli.commands import (
    age,
    binding,
    consent,
    correct,
    delete,
    demo,
    disclosures,
    doctor,
    erase,
    export,
    guardian,
    journal,
    policy,
    policy_diff,
    policy_labels,
    policy_news,
    policy_show,
    queue,
    receipt,
    requests,
    reset,
    sandbox,
    sent,
    status,
    ticket,
    view,
)

_EPILOG = f"""Exit codes:

\b
{codes.table()}

Settings: --config FILE or ROCKETVPN_CONFIG names a TOML file; `rocketvpn
sandbox` writes one. More: docs/scripting.md.
"""


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.getLogger().addHandler(logging.NullHandler())  # else what libraries log would end up between our lines
    try:
        result = _app()(arguments, prog_name="rocketvpn", standalone_mode=False)
    except typer.Abort:
        return codes.INTERRUPTED
    except Exception as error:
        message = getattr(error, "format_message", None)  # typer's own errors, whose classes are not public
        if message is None:
            raise
        context = getattr(error, "ctx", None)
        return problems.tell_usage(message(), context.get_usage() if context else "", json="--json" in arguments)
    return result if isinstance(result, int) else codes.DONE


def _app() -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help: it reads the same in a terminal, a pipe and a log
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
        epilog=_EPILOG,
    )
    app.callback()(_top)
    register(app, "demo", demo.demo, vault=False)
    register(app, "sandbox", sandbox.sandbox, vault=False)
    register(app, "bind", binding.bind, code=True)
    register(app, "status", status.status)
    logs = typer.Typer(rich_markup_mode=None)
    register(logs, "log", journal.log, own=True)
    register(logs, "tail", journal.tail)
    register(logs, "stats", journal.stats)
    app.add_typer(logs, name="log")
    register(app, "view", view.view, code=True)
    register(app, "sent", sent.sent)
    register(app, "queue", queue.queue)
    register(app, "correct", correct.correct, code=True)
    register(app, "export", export.export, code=True)
    register(app, "disclosures", disclosures.disclosures)
    register(app, "requests", requests.requests)
    register(app, "delete", delete.delete, code=True)
    register(app, "erase", erase.erase, vault=False)
    register(app, "receipt", receipt.receipt, vault=False)
    register(app, "age", age.age)
    choices = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="What you agree to.")
    register(choices, "list", consent.list_all)
    register(choices, "show", consent.show_notice)
    register(choices, "grant", consent.grant)
    register(choices, "deny", consent.deny)
    register(choices, "withdraw", consent.withdraw)
    register(choices, "receipts", consent.receipts)
    choices.callback()(_consent)
    app.add_typer(choices, name="consent")
    guardians = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="A guardian's agreement.")
    register(guardians, "request", guardian.request)
    register(guardians, "confirm", guardian.confirm)
    register(guardians, "withdraw", guardian.withdraw)
    guardians.callback()(_guardian)
    app.add_typer(guardians, name="guardian")
    tickets = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Tickets that erase without this device.")
    register(tickets, "make", ticket.make, code=True)
    register(tickets, "list", ticket.list_all)
    register(tickets, "revoke", ticket.revoke)
    tickets.callback()(_ticket)
    app.add_typer(tickets, name="ticket")
    register(app, "unbind", binding.unbind, code=True)
    register(app, "doctor", doctor.doctor)
    register(app, "reset", reset.reset)
    file = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Work with the privacy policy.")
    register(file, "check", policy_news.check)
    register(file, "accept", policy_news.accept)
    register(file, "show", policy_show.show, vault=False)
    register(file, "explain", policy_show.explain_term, vault=False)
    register(file, "diff", policy_diff.diff, vault=False)
    register(file, "labels", policy_labels.policy_labels, vault=False)
    register(file, "lint", policy.lint, vault=False)
    file.callback()(_policy)
    app.add_typer(file, name="policy")
    return app


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"rocketvpn {__version__}\n")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Rocket VPN's privacy policy, enforced on this device.

    See, correct and delete what is held about you; try it all with `rocketvpn demo`.
    """
    del version


def _consent() -> None:
    """See, give, refuse and take back what is optional."""


def _guardian() -> None:
    """Ask a guardian for someone under 18, and hand in their answer."""


def _ticket() -> None:
    """Make, list and revoke tickets on paper with which your data can be erased without this device."""


def _policy() -> None:
    """Work with the privacy policy: what applies here, what a new version changes, and policy files."""
