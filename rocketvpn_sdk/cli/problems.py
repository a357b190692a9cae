"""Errors as the command line says them: the same sentences, with remedies that are commands."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

from rocketvpn_sdk.cli import codes, streams
from rocketvpn_sdk.cli.interrupts import WORDS
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.cli.plain import ascii_json, clean, plain
from rocketvpn_sdk.cli.streams import OutputLost
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    AuthenticatorFailed,
    Conflict,
    DeviceExists,
    DeviceLimitReached,
    RequestRefused,
    RocketVPNError,
    ValueRefused,
)
from rocketvpn_sdk.files import out_of_files

_AFTER_ERASURE = ("perhaps_erased", "receipt", "token")
"""What must not get lost where something was erased and the rest failed."""
_NO_THREAD = "can't start new thread"
"""What Python's ``RuntimeError`` says then, in every version."""
_EXIST_ONCE = ("receipt", "token")
_START_ANEW = "Put it back, or start anew with `rocketvpn reset` and bind again."
_STANDS = "What was done before stands; `rocketvpn status` shows it."
_ASK_GUARDIAN = "Ask a guardian with `rocketvpn guardian request ADDRESS`."
_REMEDIES: dict[str, str] = {
    "age-settled": "A guardian can say so: `rocketvpn guardian request ADDRESS --of-age`. Else ask again after a year.",
    "age-unknown": "Say it first: `rocketvpn age --adult` or `rocketvpn age --minor`.",
    "already-bound": "Run `rocketvpn unbind` first, or use another --profile.",
    "certificate-untrusted/trust_store": "Install ca-certificates, or correct SSL_CERT_FILE, and try again.",
    "authentication-cancelled": "Run it again when you have the code, or say with --code-from where it can be read.",
    "authentication-required": "Run it in a terminal, or say with --code-from where the code can be read.",
    "configuration-invalid": "Correct the settings or the option, and try again.",
    "conflict": "Look at the value that is there now, and correct it again if it is still wrong.",
    "device-exists": "Was it installed again? Then `rocketvpn bind ORDER --replace ID` puts the old installation out."
    " Is this machine a copy of that one? Then `rocketvpn bind ORDER --another` binds it as a device of its own.",
    "device-limit-reached": "Run `rocketvpn bind ORDER --replace ID` to put this device in the place of one of them.",
    "guardian-error": _ASK_GUARDIAN,
    "guardian-error/not-asked": _ASK_GUARDIAN,
    "guardian-error/other-policy": _ASK_GUARDIAN,
    "guardian-needed": _ASK_GUARDIAN,
    "idempotency-key-reused": "Use a new --idempotency-key for a new call. To repeat the earlier one,"
    " give the values that it had.",
    "made-with-passphrase": 'Use --passphrase, or write secrets = "passphrase" into the settings.',
    "made-without-passphrase": "Leave out --passphrase: the keyring opens it. If it was locked with a"
    " passphrase, put the file back.",
    "not-bound": "Bind it with `rocketvpn bind ORDER`.",
    "release-refused": "See what is offered with `rocketvpn updates check`.",
    "event-undeclared": "Declare it in the policy, or correct its name.",
    "operation-undeclared": "Correct its name, or declare it under [[operation]] in the policy; nothing was sent.",
    "policy-invalid": "Correct the policy document; `rocketvpn policy lint` checks it.",
    "receipt-invalid": "What is gone stays gone. `rocketvpn delete --resume` asks again while a deletion waits.",
    "secret-corrupt": _START_ANEW,
    "secret-missing": _START_ANEW,
    "secret-store-unavailable": "Start the keyring service, or use --passphrase on a machine without one.",
    "value-refused": "Correct it and run the command again; nothing was changed.",
    "vault-closed": "Run the command again.",
    "vault-damaged": _START_ANEW,
    "vault-outdated": "Start anew with `rocketvpn reset`, then bind again.",
    "vault-read-only": "Make it writable for this user, or choose another folder with --data-dir.",
    "vault-unsafe": "Correct that, or choose another folder with --data-dir; nothing was written.",
}


_ARGUMENTS = {
    "changes": "VALUE",
    "code": "CODE",
    "contact": "ADDRESS",
    "device_id": "ID",
    "event": "--event",
    "folder": "--into",
    "idempotency_key": "--idempotency-key",
    "order_number": "ORDER",
    "path": "FILE",
    "purpose": "PURPOSE",
    "receipt": "FILE",
    "request_id": "ID",
    "samples": "--samples",
    "ticket": "--ticket",
    "until": "--until",
}
"""What the command line calls the arguments of calls."""


class CommandError(RocketVPNError):
    """Something that only the command line can find wrong."""

    code = "command-failed"
    MESSAGE = "{problem}"
    REMEDY = "{advice}"

    def __init__(self, problem: str, *, advice: str = "", exit_code: int = codes.REFUSED, **_: Any) -> None:
        self.exit_code = exit_code
        super().__init__(problem=problem, advice=advice)


def other_encoding() -> CommandError:
    """Return the error for what was typed or given in another encoding than the terminal's."""
    return CommandError(
        "What was typed or given has characters of another encoding.",
        advice=f"Give it as {sys.stdin.encoding}, or set the terminal to its encoding.",
        exit_code=codes.USAGE,
    )


def of_ours(error: Exception) -> RocketVPNError:
    """Return the error that says what ``error`` is about: the user's own question, or what the system does not give.

    Raises:
        Exception: ``error`` itself, if nobody but us can do anything about it.
    """
    if isinstance(error, AuthenticatorFailed) and isinstance(error.__cause__, CommandError | AuthenticationFailed):
        return error.__cause__  # our own question failed, and says why
    if isinstance(error, RocketVPNError):
        return error
    if isinstance(error, UnicodeError):  # its own text repeats what was typed
        return other_encoding()
    short = out_of_files()
    if isinstance(error, ImportError) and short is not None:  # a library that could not be opened
        error = short
    if isinstance(error, OSError):
        about = f" of {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        return CommandError(f"The system says{about}: {error.strerror or type(error).__name__}.")
    if str(error) == _NO_THREAD:
        advice = "End other programs, or allow more (ulimit -u), and try again."
        return CommandError("The system says: no more threads can be started.", advice=advice)
    raise error


class ConfirmationNeeded(CommandError):
    """Nobody said yes."""

    code = "confirmation-required"


def exit_code(error: RocketVPNError) -> int:
    """Return the exit code for ``error``."""
    return error.exit_code if isinstance(error, CommandError) else codes.code_of(error)


def sentence(error: RocketVPNError) -> str:
    """Return what went wrong, without what to do about it, with arguments as the command line calls them."""
    name = _ARGUMENTS.get(error.params.get("name", "")) if isinstance(error, ValueRefused) else None
    return clean(type(error)(**{**error.params, "name": name}).message if name else error.message)


def action(error: RocketVPNError) -> str:
    """Return what to do about it."""
    own = error.cause in error.REMEDIES or isinstance(error, CommandError)
    by_code = "" if own else remedy(error.code)
    return clean(remedy(f"{error.code}/{error.cause}") or by_code or error.remedy)


def remedy(code: str | None) -> str:
    """Return the command that helps with an error's code, or code and cause; empty if its own remedy says it best."""
    return _REMEDIES.get(code, "") if code else ""


def described(error: RocketVPNError) -> dict[str, Any]:
    """Return what ``--json`` says about ``error``: always these members, and more for some codes."""
    members: dict[str, Any] = {
        "code": error.code,
        "message": sentence(error),
        "remedy": action(error),
        "hint": error.hint,
        "retry_at": error.retry_at,
        "exit_code": exit_code(error),
    }
    if error.cause:
        members["cause"] = error.cause
    members |= {name: plain(error.params[name]) for name in _AFTER_ERASURE if name in error.params}
    if error.idempotency_key is not None:
        members["idempotency_key"] = error.idempotency_key
    if isinstance(error, DeviceLimitReached | DeviceExists):
        members["devices"] = plain(error.devices)
    if isinstance(error, RequestRefused):
        members["reason"] = error.params.get("reason")
    if isinstance(error, Conflict):
        members |= {"here": plain(error.here), "there": plain(error.there)}
    return members


def show_error(error: RocketVPNError, out: Out) -> int:
    """Print ``error`` and return the exit code."""
    if out.json:
        out.document({"error": described(error)})
        return exit_code(error)
    out.error(f"Error: {sentence(error)}")
    if isinstance(error, DeviceLimitReached | DeviceExists):
        for device in error.devices:
            out.error(f"  {device.id[:8]}  {clean(device.name)}")
    if isinstance(error, Conflict):
        for name, value in error.there.items():
            out.error(f"  {name}: you asked for {clean(error.here.get(name))!r}; it is {clean(value)!r} now")
    if action(error):
        out.error(action(error))
    if error.idempotency_key is not None:
        again = f"--idempotency-key {shlex.quote(clean(error.idempotency_key))}"
        out.error(f"The server may have done it. Run it again with {again}: then it is done once.")
    return exit_code(error)


def show_without_output(error: RocketVPNError) -> int:
    """Print on the standard error stream what could not be printed as a document, and what of it exists once."""
    out = Out(json=False)
    for name in _EXIST_ONCE:
        if name in error.params:
            out.error(ascii_json(plain(error.params[name])), as_is=True)
    return show_error(error, out)


def show_output_lost(lost: OutputLost) -> int:
    """Say on the standard error stream that the output could not be written; what follows of it is dropped."""
    streams.drop(sys.stdout)
    problem = f"What there was to show could not be written to the standard output ({lost.reason})."
    return show_error(CommandError(problem, advice=_STANDS), Out(json=False))


def show_closed() -> int:
    """Say that there is no standard output; nothing is begun without one."""
    advice = "Nothing was done. Send the output to a file, or to the null device, and try again."
    return show_error(
        CommandError("The standard output is closed, so nothing can be shown.", advice=advice), Out(json=False)
    )


def show_interrupted(out: Out) -> int:
    """Say that Ctrl-C ended the command; on the standard error stream where a document was printed already."""
    if not out.json:
        out.error("")  # behind the terminal's ^C
    error = CommandError(WORDS, advice=_STANDS, exit_code=codes.INTERRUPTED)
    return show_error(error, Out(json=False) if out.printed else out)


def show_usage(message: str, usage: str, *, json: bool) -> int:
    """Print what was wrong with the command line itself."""
    out = Out(json=json)
    message = clean(message.removeprefix("Invalid value: "))
    if json:
        advice = "See `rocketvpn --help`."
        members = {
            "code": "usage",
            "message": message,
            "remedy": advice,
            "hint": "",
            "retry_at": None,
            "exit_code": codes.USAGE,
        }
        out.document({"error": members})
    else:
        out.error(usage, as_is=True)
        out.error(f"Error: {message}")
    return codes.USAGE
