"""The commands put together, and their exit codes.

Only the command that was asked for is loaded: anyone who calls many in a script waits for each.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from shutil import get_terminal_size
from typing import NamedTuple

import typer

from rocketvpn_sdk._version import __version__
from rocketvpn_sdk.cli import codes, commands, problems, streams
from rocketvpn_sdk.cli.interrupts import interrupts
from rocketvpn_sdk.cli.options import command_in, group_callback, refused_option, register
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.cli.streams import OutputLost

_PURPOSE = """Rocket VPN's privacy policy, enforced on this device.

See, correct and delete what is held about you; try it all with `rocketvpn demo`.
"""
_EPILOG = """Exit codes:

\b
{codes}

Settings: --config FILE or ROCKETVPN_CONFIG names a TOML file; `rocketvpn
sandbox` writes one. More: docs/scripting.md.
"""
_WIDEST, _NARROWEST = 80, 40
_COMPLETING = "_ROCKETVPN_COMPLETE"
"""The variable with which a shell asks what could come next (typer's name for it)."""


class _Command(NamedTuple):
    """Where a command is, and which of the shared options it takes (``register``)."""

    function: str
    """``module.function`` below ``cli.commands``."""
    vault: bool = True
    code: bool = False
    own: bool = False


class _Group(NamedTuple):
    """Commands that share a word."""

    purpose: str | None
    commands: dict[str, _Command]


_COMMANDS: dict[str, _Command | _Group] = {
    "demo": _Command("demo.demo", vault=False),
    "sandbox": _Group(
        None,
        {
            "sandbox": _Command("sandbox.sandbox", vault=False, own=True),
            "publish": _Command("sandbox_publish.publish", vault=False),
            "revise": _Command("sandbox_publish.revise", vault=False),
            "sign": _Command("sandbox_sign.sign", vault=False),
        },
    ),
    "bind": _Command("binding.bind", code=True),
    "status": _Command("status.status", code=True),
    "log": _Group(
        None,
        {
            "log": _Command("journal.log", own=True),
            "tail": _Command("journal.tail"),
            "stats": _Command("journal.stats"),
            "import": _Command("log_import.log_import"),
            "export": _Command("log_export.log_export"),
        },
    ),
    "view": _Command("view.view", code=True),
    "sent": _Command("sent.sent"),
    "queue": _Command("queue.queue"),
    "call": _Command("own_call.own_call", code=True),
    "correct": _Command("correct.correct", code=True),
    "export": _Command("export.export", code=True),
    "disclosures": _Command("disclosures.disclosures", code=True),
    "requests": _Command("requests.requests"),
    "delete": _Command("delete.delete", code=True),
    "erase": _Command("erase.erase", vault=False),
    "receipt": _Command("receipt.receipt", vault=False),
    "age": _Command("age.age"),
    "consent": _Group(
        "See, give, refuse and take back what is optional.",
        {
            "list": _Command("consent.list_all"),
            "show": _Command("consent.show_notice"),
            "grant": _Command("consent.grant"),
            "deny": _Command("consent.deny"),
            "withdraw": _Command("consent.withdraw"),
            "receipts": _Command("consent.receipts"),
        },
    ),
    "features": _Command("features.features"),
    "guardian": _Group(
        "Ask a guardian, and hand in their answer.",
        {
            "request": _Command("guardian.request"),
            "confirm": _Command("guardian.confirm"),
            "withdraw": _Command("guardian.withdraw"),
        },
    ),
    "ticket": _Group(
        "Paper that erases your data without this device.",
        {
            "make": _Command("ticket.make", code=True),
            "list": _Command("ticket.list_all", code=True),
            "revoke": _Command("ticket.revoke", code=True),
        },
    ),
    "recovery": _Command("recovery.recovery", code=True),
    "unbind": _Command("binding.unbind", code=True),
    "doctor": _Command("doctor.doctor"),
    "reset": _Command("reset.reset"),
    "uninstall": _Command("uninstall.uninstall", vault=False),
    "diagnostics": _Group(
        "Report how the app runs, without saying who you are.",
        {
            "show": _Command("diagnostics.show"),
            "send": _Command("diagnostics.send"),
            "save": _Command("diagnostics.save"),
        },
    ),
    "offers": _Group(
        "See offers of the operator's other services.",
        {
            "list": _Command("offers.list_all"),
            "take": _Command("offers.take"),
            "hide": _Command("offers.hide"),
        },
    ),
    "surveys": _Group(
        "Answer surveys, without saying who you are.",
        {
            "list": _Command("surveys.list_all"),
            "show": _Command("surveys.show"),
            "answer": _Command("surveys.answer"),
            "decline": _Command("surveys.decline"),
            "erase": _Command("surveys.erase"),
        },
    ),
    "updates": _Group(
        "Get genuine versions of the app.",
        {
            "check": _Command("updates.check"),
            "download": _Command("updates.download"),
            "certify": _Command("updates.certify"),
        },
    ),
    "lint-logs": _Command("lint_logs.lint_logs", vault=False),
    "policy": _Group(
        "Work with the privacy policy.",
        {
            "check": _Command("policy_news.check"),
            "accept": _Command("policy_news.accept"),
            "notices": _Command("policy_notices.notices"),
            "show": _Command("policy_show.show", vault=False),
            "explain": _Command("policy_show.explain_term", vault=False),
            "diff": _Command("policy_diff.diff", vault=False),
            "labels": _Command("policy_labels.policy_labels", vault=False),
            "lint": _Command("policy.lint", vault=False),
            "stubs": _Command("policy_stubs.policy_stubs", vault=False),
        },
    ),
}


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    streams.forgive_encodings()
    logging.getLogger().addHandler(logging.NullHandler())  # else what libraries log would end up between our lines
    try:
        return _run(arguments)
    except OutputLost as lost:
        return problems.show_output_lost(lost)


def _run(arguments: list[str]) -> int:
    try:
        result = _app(arguments)(arguments, prog_name="rocketvpn", standalone_mode=False)
        streams.flush_output()
    except (OSError, ImportError) as error:  # from printing the help or the version; a command tells its own
        if isinstance(error, OSError) and error.filename is None:
            raise OutputLost(error) from None
        return problems.show_error(problems.of_ours(error), Out(json="--json" in arguments))  # code could not be loaded
    except SystemExit:
        if _COMPLETING in os.environ:
            raise
        raise OutputLost(BrokenPipeError()) from None  # typer's end where nobody reads the help any more
    except typer.Abort:  # Ctrl-C before the command began, if ``interrupts`` did not take it over
        return problems.show_interrupted(Out(json="--json" in arguments))
    except OutputLost:
        raise
    except Exception as error:
        message = getattr(error, "format_message", None)  # typer's own errors, whose classes are not public
        if message is None:
            raise
        interrupts.end()
        context = getattr(error, "ctx", None)
        why = refused_option(context, getattr(error, "option_name", "")) if context else None
        return problems.show_usage(why or message(), context.get_usage() if context else "", json="--json" in arguments)
    return result if isinstance(result, int) else codes.DONE


def _app(arguments: list[str]) -> typer.Typer:
    app = typer.Typer(
        rich_markup_mode=None,  # plain help: it reads the same in a terminal, a pipe and a log
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _width()},
        epilog=_epilog(),
    )
    app.callback(invoke_without_command=True)(group_callback(_PURPOSE, _version))
    for name in _wanted(arguments):
        entry = _COMMANDS[name]
        if isinstance(entry, _Group):
            app.add_typer(_group(entry), name=name)
        else:
            _add(app, name, entry)
    return app


def _width() -> int:
    """Return how many columns the help takes."""
    return min(max(get_terminal_size().columns, _NARROWEST), _WIDEST) - 2


def _epilog() -> str:
    return _EPILOG.format(codes=codes.table(_width()))


def _group(entry: _Group) -> typer.Typer:
    group = typer.Typer(rich_markup_mode=None)
    if entry.purpose is not None:  # else it does something of its own, and says so itself
        group.callback(invoke_without_command=True)(group_callback(entry.purpose))
    for name, command in entry.commands.items():
        _add(group, name, command)
    return group


def _wanted(arguments: list[str]) -> list[str]:
    """Return the names of what has to be there: what was asked for, or everything where that is not known."""
    name = command_in(arguments)
    return [name] if name in _COMMANDS and _COMPLETING not in os.environ else list(_COMMANDS)


def _add(app: typer.Typer, name: str, command: _Command) -> None:
    module, _, function = command.function.partition(".")
    found = getattr(import_module(f"{commands.__name__}.{module}"), function)
    register(app, name, found, vault=command.vault, code=command.code, own=command.own)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"rocketvpn {__version__}\n")
        raise typer.Exit
