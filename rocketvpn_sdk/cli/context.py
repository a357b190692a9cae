"""One run of a command: where it prints, the SDK opened as the settings say, and what came of it."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from rocketvpn_sdk.cli import ask, codes, problems, streams, words
from rocketvpn_sdk.cli.interrupts import behind, interrupts
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.settings import CONFIG_VARIABLE, Chosen, make_config
from rocketvpn_sdk.cli.streams import OutputLost
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.errors import NotBound, RocketVPNError
from rocketvpn_sdk.policy_versions import OperatorNotice
from rocketvpn_sdk.vault.folder import DATABASE, holds_vault
from rocketvpn_sdk.wire import OrderChange


class CommandContext:
    """The shared state of one run of a command: output, options, and the opened SDK.

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
    def open(self, *, new: bool = False, unlock: bool = True, **instead: Any) -> Iterator[RocketVPN]:
        """Open the vault; where there is none, only ``new`` makes one.

        ``instead`` are values of the configuration that take the place of those in the settings, unless ``None``.

        Raises:
            NotBound: there is no vault.
            VaultError: it cannot be opened.
        """
        if not new and not self.vault_exists:
            raise NotBound
        given = {name: value for name, value in instead.items() if value is not None}
        with RocketVPN.open(msgspec.structs.replace(self.config, **given), unlock=unlock) as rocket:
            yield rocket
            if not self.out.json:
                self._warn(rocket)

    def _warn(self, rocket: RocketVPN) -> None:
        """Say on the standard error stream what waits for the order, and which notices were not read yet."""
        changes: tuple[OrderChange, ...] = ()
        unread: tuple[OperatorNotice, ...] = ()
        with suppress(RocketVPNError):  # there may be no vault any more
            status = rocket.status()
            changes, unread = status.order_changes, status.notices
        for notice in unread:
            self.out.error(f"A notice of the operator: {notice.title} See `rocketvpn policy notices`.")
        for change in changes:
            if not change.current:
                self.out.error(words.order_change(change))


def make_context(out: Out, values: dict[str, Any], code_from: str | None) -> CommandContext:
    """Return the call that the shared options ``values`` describe."""
    if values and values["config"] is None and os.environ.get(CONFIG_VARIABLE):
        values["config"] = Path(os.environ[CONFIG_VARIABLE])
    return CommandContext(out, Chosen(**values), code_from)


def run(out: Out, command: Callable[[], CommandResult | None]) -> int:
    """Run a command, which Ctrl-C may end, and say what came of it; return the exit code."""
    before = sys.exception()  # of anyone who calls us in their own process
    try:
        code = _answered(out, command, before)
        if interrupts.end():
            raise KeyboardInterrupt
    except BaseException as error:  # what another error hides may be an interrupt
        if not behind(error, before):
            raise
        interrupts.end()
        code = _show_interrupted(out)
    return code


def _show_interrupted(out: Out) -> int:
    try:
        return problems.show_interrupted(out)
    except OutputLost:  # Ctrl-C ended the reader of the output too
        streams.drop(sys.stdout)
        return codes.INTERRUPTED


def _answered(out: Out, command: Callable[[], CommandResult | None], before: BaseException | None) -> int:
    try:
        interrupts.begin()
        answer = command()
        if answer is None:
            return codes.DONE
        if out.json:
            out.document(answer.document)
        else:
            answer.show(out)
        streams.flush_output()
        return answer.code
    except (RocketVPNError, OutputLost, OSError, UnicodeError, ImportError, RuntimeError) as error:
        if behind(error, before):
            raise  # an interrupt that a library made into something else
        return _show_error(error, out)


def _show_error(error: Exception, out: Out) -> int:
    """Say what went wrong.

    Raises:
        Exception: ``error`` itself, if it is a fault of ours.
    """
    if isinstance(error, OutputLost):
        return problems.show_output_lost(error)
    error = problems.of_ours(error)
    try:
        return problems.show_error(error, out)
    except OutputLost as lost:
        problems.show_output_lost(lost)
        return problems.show_without_output(error)
