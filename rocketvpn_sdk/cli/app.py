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
    app.add_typer(_logs(), name="log")
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
    app.add_typer(_consents(), name="consent")
    app.add_typer(_guardians(), name="guardian")
    app.add_typer(_tickets(), name="ticket")
    register(app, "unbind", binding.unbind, code=True)
    register(app, "doctor", doctor.doctor)
    register(app, "reset", reset.reset)
    app.add_typer(_policies(), name="policy")
    return app


def _group(purpose: str) -> typer.Typer:
    return typer.Typer(rich_markup_mode=None, no_args_is_help=True, help=purpose)


def _logs() -> typer.Typer:
    group = typer.Typer(rich_markup_mode=None)
    register(group, "log", journal.log, own=True)
    register(group, "tail", journal.tail)
    register(group, "stats", journal.stats)
    return group


def _consents() -> typer.Typer:
    group = _group("See, give, refuse and take back what is optional.")
    register(group, "list", consent.list_all)
    register(group, "show", consent.show_notice)
    register(group, "grant", consent.grant)
    register(group, "deny", consent.deny)
    register(group, "withdraw", consent.withdraw)
    register(group, "receipts", consent.receipts)
    return group


def _guardians() -> typer.Typer:
    group = _group("Ask a guardian, and hand in their answer.")
    register(group, "request", guardian.request)
    register(group, "confirm", guardian.confirm)
    register(group, "withdraw", guardian.withdraw)
    return group


def _tickets() -> typer.Typer:
    group = _group("Paper that erases your data without this device.")
    register(group, "make", ticket.make, code=True)
    register(group, "list", ticket.list_all)
    register(group, "revoke", ticket.revoke)
    return group


def _policies() -> typer.Typer:
    group = _group("Work with the privacy policy.")
    register(group, "check", policy_news.check)
    register(group, "accept", policy_news.accept)
    register(group, "show", policy_show.show, vault=False)
    register(group, "explain", policy_show.explain_term, vault=False)
    register(group, "diff", policy_diff.diff, vault=False)
    register(group, "labels", policy_labels.policy_labels, vault=False)
    register(group, "lint", policy.lint, vault=False)
    return group


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
