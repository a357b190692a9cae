"""One run of a command: its shared options, where it prints, and the SDK opened as the settings say."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rocketvpn_sdk.cli import ask, codes, problems
from rocketvpn_sdk.cli.interrupts import behind, interrupts
from rocketvpn_sdk.cli.output import Answer, Out
from rocketvpn_sdk.cli.settings import CONFIG_VARIABLE, Chosen, make_config
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.errors import NotBound, RocketVPNError
from rocketvpn_sdk.vault.folder import DATABASE, holds_vault

_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_CONFIG = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help=f"The settings (TOML); else {CONFIG_VARIABLE}.")
]
_DATA_DIR = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="The folder of the vault.")]
_PROFILE = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Which of several orders.")]
_PASSPHRASE = Annotated[
    bool, typer.Option("--passphrase", help=f"Use a passphrase ({ask.PASSPHRASE_VARIABLE}), not the keyring.")
]
_CODE_FROM = Annotated[
    str | None,
    typer.Option("--code-from", metavar="FILE", help="Read an e-mailed code from FILE or a pipe; - is standard input."),
]
_CONTEXT = "context"
_SHARED: dict[str, tuple[Any, Any]] = {
    "config": (_CONFIG, None),
    "data_dir": (_DATA_DIR, None),
    "profile": (_PROFILE, None),
    "passphrase": (_PASSPHRASE, False),
    "code_from": (_CODE_FROM, None),
    "json": (_JSON, False),
}


class Call:
    """What a command is given besides its own arguments.

    Args:
        out: where it prints.
        chosen: the shared options.
        code_from: where e-mailed codes are read.
    """

    def __init__(self, out: Out, chosen: Chosen, code_from: str | None) -> None:
        self.out = out
        self._chosen = chosen
        self._code_from = code_from

    @functools.cached_property
    def config(self) -> Config:
        """The SDK's configuration.

        Raises:
            ConfigurationError: the settings cannot work.
        """
        return make_config(
            self._chosen, authenticator=ask.authenticator(self._code_from), ask_passphrase=ask.passphrase
        )

    @property
    def vault_exists(self) -> bool:
        """Whether this device has a vault already.

        Raises:
            VaultReadOnly, VaultUnsafe: its folder cannot be looked into, or is none.
        """
        return holds_vault(self.config.folder, [DATABASE])

    @contextmanager
    def open(self, *, new: bool = False, unlock: bool = True) -> Iterator[RocketVPN]:
        """Open the vault; where there is none, only ``new`` makes one.

        Raises:
            NotBound: there is no vault.
            VaultError: it cannot be opened.
        """
        if not new and not self.vault_exists:
            raise NotBound
        with RocketVPN.open(self.config, unlock=unlock) as rocket:
            yield rocket


def register(
    app: typer.Typer,
    name: str,
    command: Callable[..., Answer | None],
    *,
    vault: bool = True,
    code: bool = False,
    own: bool = False,
) -> None:
    """Add ``command`` to ``app``; its first parameter is the ``Call``, the others are its own options.

    Args:
        app: where.
        name: what people type.
        command: prints, or returns what is to be printed; its docstring is the help.
        vault: whether it takes the options that say which vault.
        code: whether it takes the one that says where an e-mailed code can be read.
        own: ``app`` is a group, and this is what it does where no command of it is named.
    """
    shared = [option for option in _SHARED if option == "json" or (vault and option != "code_from") or (code and vault)]

    @functools.wraps(command)
    def wrapper(**given: Any) -> int:
        context = given.pop(_CONTEXT, None)
        if context is not None and context.invoked_subcommand is not None:
            _refuse_what_is_lost(context)
            return codes.DONE
        values = {option: given.pop(option) for option in shared}
        out = Out(json=values.pop("json"))
        code_from = values.pop("code_from", None)
        return _run(out, lambda: command(_call(out, values, code_from), **given))

    _, *parameters = inspect.signature(command, eval_str=True).parameters.values()
    options = [
        inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for option, (kind, default) in _SHARED.items()
        if option in shared
    ]
    if own:
        options.append(inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))
    wrapper.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # what typer reads
        [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters), *options]
    )
    if own:
        app.callback(invoke_without_command=True)(wrapper)
    else:
        app.command(name)(wrapper)


def _refuse_what_is_lost(context: typer.Context) -> None:
    """Refuse options before a group's command: they would be ignored.

    Raises:
        typer.BadParameter: there are some.
    """
    given = [
        name for name in context.params if str(getattr(context.get_parameter_source(name), "name", "")) == "COMMANDLINE"
    ]
    if given:
        command, option = context.invoked_subcommand, given[0].replace("_", "-")
        raise typer.BadParameter(f"--{option} belongs behind {command}: {context.command_path} {command} --{option}")


def _call(out: Out, values: dict[str, Any], code_from: str | None) -> Call:
    if values and values["config"] is None and os.environ.get(CONFIG_VARIABLE):
        values["config"] = Path(os.environ[CONFIG_VARIABLE])
    return Call(out, Chosen(**values), code_from)


def _run(out: Out, command: Callable[[], Answer | None]) -> int:
    """Run a command, which Ctrl-C may end, and say what came of it; return the exit code."""
    before = sys.exception()  # of whoever calls us in their own process
    try:
        interrupts.begin()
        code = _answered(out, command, before)
        if interrupts.end():
            raise KeyboardInterrupt
    except BaseException as error:
        if not behind(error, before):
            raise
        interrupts.end()
        code = _told_interrupted(out)
    return code


def _told_interrupted(out: Out) -> int:
    try:
        return problems.tell_interrupted(out)
    except OSError:  # Ctrl-C ended the reader of the output too
        _drop_output()
        return codes.INTERRUPTED


def _answered(out: Out, command: Callable[[], Answer | None], before: BaseException | None) -> int:
    try:
        answer = command()
        if answer is None:
            return codes.DONE
        if out.json:
            out.document(answer.document)
        else:
            answer.show(out)
        return answer.code
    except (RocketVPNError, OSError, UnicodeDecodeError) as error:
        if behind(error, before):
            raise  # an interrupt that a library made into something else
        return _told(error, out)


def _drop_output() -> None:
    """Let what is left in the buffer go nowhere: whoever read it has gone, and it must not raise again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(error: RocketVPNError | OSError | UnicodeDecodeError, out: Out) -> int:
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return codes.REFUSED
    if isinstance(error, UnicodeDecodeError):  # its own text repeats what was typed
        error = problems.CommandError(
            "What was typed or given has characters of another encoding.",
            advice=f"Give it as {sys.stdin.encoding}, or set the terminal to its encoding.",
            exit_code=codes.USAGE,
        )
    if isinstance(error, OSError):
        error = problems.CommandError(f"The system says: {error.strerror or type(error).__name__}.")
    return problems.tell(error, out)
