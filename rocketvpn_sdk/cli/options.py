"""The options that commands share, taken before and after every command, and how commands are added.

Where one is given twice, the one that stands last counts.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from rocketvpn_sdk.cli import ask, codes
from rocketvpn_sdk.cli.context import make_context, run
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.settings import CONFIG_VARIABLE
from rocketvpn_sdk.cli.typed import strict
from rocketvpn_sdk.cli.verbose import steps_shown

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
_VERBOSE = Annotated[bool, typer.Option("--verbose", "-v", help="Print what the SDK does on standard error.")]
_CONTEXT = "typer_context"  # not `context`, which is the name of the commands' own first parameter
_SHARED: dict[str, tuple[Any, Any]] = {
    "config": (_CONFIG, None),
    "data_dir": (_DATA_DIR, None),
    "profile": (_PROFILE, None),
    "passphrase": (_PASSPHRASE, False),
    "code_from": (_CODE_FROM, None),
    "json": (_JSON, False),
    "verbose": (_VERBOSE, False),
}
_FLAGS = {f"--{name.replace('_', '-')}": isinstance(default, bool) for name, (_, default) in _SHARED.items()}
_FLAGS["-v"] = True
"""Whether each takes no value."""
_ALWAYS = frozenset({"json", "verbose"})
"""What every command takes."""
_MEANINGLESS = "the command opens no vault"
_NO_CODE = "the command asks for no e-mailed code"

F = TypeVar("F", bound=Callable[..., Any])


def help_text(text: str) -> Callable[[F], F]:
    """Return a decorator that gives a command its help; ``python -OO`` removes what is only written as a docstring."""

    def attach(command: F) -> F:
        command.__doc__ = text
        return command

    return attach


def register(
    app: typer.Typer,
    name: str,
    command: Callable[..., CommandResult | None],
    *,
    vault: bool = True,
    code: bool = False,
    own: bool = False,
) -> None:
    """Add ``command`` to ``app``; its first parameter is the ``CommandContext``, the others are its own options.

    Args:
        app: the application, or one of its groups.
        name: what people type.
        command: prints, or returns what is to be printed; ``help_text`` gave it its help.
        vault: whether it takes the options that say which vault.
        code: whether it takes the one that says where an e-mailed code can be read.
        own: ``app`` is a group, and this is what it does if no command of it is named.
    """
    taken = _taken(vault=vault, code=code)
    _, *parameters = inspect.signature(command, eval_str=True).parameters.values()
    its_own = {parameter.name for parameter in parameters}

    @functools.wraps(command)
    def wrapper(**given: Any) -> int:
        context: typer.Context = given.pop(_CONTEXT)
        if context.invoked_subcommand is not None:
            _refuse_what_is_lost(context)
            return codes.DONE
        for option, value in (_before(context) | _set(given)).items():
            if option not in taken and option not in its_own:
                raise typer.BadParameter(_cannot(context, option))
            given[option] = value
        values = {option: given.pop(option) for option in taken}
        given = {name: value for name, value in given.items() if name in its_own}
        out = Out(json=values.pop("json"))
        code_from = values.pop("code_from", None)
        with steps_shown(out, wanted=values.pop("verbose")):
            return run(out, lambda: command(make_context(out, values, code_from), **given))

    wrapper.__signature__ = _signature([*parameters], _SHARED if own else taken)  # type: ignore[attr-defined] # for typer
    if own:
        app.callback(invoke_without_command=True)(wrapper)
    else:
        app.command(name)(wrapper)


def group_callback(purpose: str, version: Callable[[bool], None] | None = None) -> Callable[..., int]:
    """Return what a group does by itself: take the shared options for its commands, and show its help without one.

    Args:
        purpose: its help.
        version: called for ``--version``; ``None``: it has no such option.
    """

    def callback(**given: Any) -> int:
        context: typer.Context = given[_CONTEXT]
        if context.invoked_subcommand is not None:
            return codes.DONE
        if given["json"] or _before(context).get("json"):
            raise typer.BadParameter("a command is missing")
        Out(json=False).error(context.get_help(), as_is=True)
        return codes.USAGE

    own = []
    if version is not None:
        kind = Annotated[bool, typer.Option("--version", help="Print the version.", callback=version, is_eager=True)]
        own.append(inspect.Parameter("version", inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=False))
    callback.__signature__ = _signature(own, _SHARED)  # type: ignore[attr-defined] # for typer
    callback.__doc__ = purpose
    return callback


def command_in(arguments: list[str]) -> str | None:
    """Return the first argument that is neither a shared option nor its value; ``None``: that cannot be told."""
    rest = iter(arguments)
    for argument in rest:
        name, given, _ = argument.partition("=")
        kind = _FLAGS.get(name)
        if kind is None:
            return None if argument.startswith("-") else argument
        if not kind and not given:
            next(rest, None)
    return None


def refused_option(context: typer.Context, name: str) -> str | None:
    """Return why the command of ``context`` has no option ``name``; ``None`` if it is none of the shared ones."""
    option = name.lstrip("-").replace("-", "_")
    return _cannot(context, option) if option in _SHARED else None


def _taken(*, vault: bool, code: bool) -> list[str]:
    return [option for option in _SHARED if option in _ALWAYS or (vault and (code or option != "code_from"))]


def _signature(own: list[inspect.Parameter], shared: Iterable[str]) -> inspect.Signature:
    """Return a signature that typer reads options from."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    options = [
        inspect.Parameter(option, keyword, annotation=_SHARED[option][0], default=_SHARED[option][1])
        for option in shared
    ]
    context = inspect.Parameter(_CONTEXT, keyword, annotation=typer.Context)
    typed = [strict(parameter.replace(kind=keyword)) for parameter in (*own, *options)]
    return inspect.Signature([*typed, context])


def _before(context: typer.Context) -> dict[str, Any]:
    """Return the shared options that were given before the command; the one nearest to it wins."""
    given: dict[str, Any] = {}
    above = context.parent
    while above is not None:
        given = _set(above.params) | given
        above = above.parent
    return given


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the shared options that were given."""
    return {name: value for name, value in values.items() if name in _SHARED and value}


def _cannot(context: typer.Context, option: str) -> str:
    vault_opened = any(parameter.name == "data_dir" for parameter in context.command.params)
    why = _NO_CODE if option == "code_from" and vault_opened else _MEANINGLESS
    return f"--{option.replace('_', '-')} means nothing to `{context.command_path}`: {why}"


def _refuse_what_is_lost(context: typer.Context) -> None:
    """Refuse a group's own options before one of its commands: they would be ignored.

    Raises:
        typer.BadParameter: there are some.
    """
    given = [
        name
        for name in context.params
        if name not in _SHARED and str(getattr(context.get_parameter_source(name), "name", "")) == "COMMANDLINE"
    ]
    if given:
        command, option = context.invoked_subcommand, given[0].replace("_", "-")
        raise typer.BadParameter(f"--{option} belongs behind {command}: {context.command_path} {command} --{option}")
