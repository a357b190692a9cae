"""What the command line's exit codes mean: one table, for the help, the documentation and programs."""

from __future__ import annotations

import textwrap

from rocketvpn_sdk.cli import interrupts
from rocketvpn_sdk.errors import (
    AuthenticationRequired,
    BrowserRequired,
    ConfigurationError,
    RocketVPNError,
    ServerError,
    TransportError,
    UpdateRefused,
    ValueRefused,
    VaultError,
)

DONE, REFUSED, USAGE, DEVICE, SERVER, USER, PENDING, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, interrupts.INTERRUPTED

MEANINGS: dict[int, str] = {
    DONE: "done",
    REFUSED: "refused or failed; the sentence says why",
    USAGE: "an option, argument or setting that cannot work",
    DEVICE: "the vault or the secret store cannot be used (locked, missing, damaged)",
    SERVER: "the server cannot be reached, trusted or understood",
    USER: "needs you: a code from an e-mail, or a confirmation",
    PENDING: "done on this device; the server has not confirmed it yet",
    INTERRUPTED: "interrupted (Ctrl-C)",
}

_BRANCHES: tuple[tuple[type[RocketVPNError], int], ...] = (
    (ConfigurationError, USAGE),
    (ValueRefused, USAGE),
    (VaultError, DEVICE),
    (TransportError, SERVER),
    (ServerError, SERVER),
    (UpdateRefused, SERVER),
    (AuthenticationRequired, USER),
    (BrowserRequired, USER),
)


def code_of(error: RocketVPNError) -> int:
    """Return the exit code for ``error``."""
    return next((code for kind, code in _BRANCHES if isinstance(error, kind)), REFUSED)


def table(width: int = 80) -> str:
    """Return the table as lines of text, none longer than ``width``."""
    rows = (
        textwrap.wrap(meaning, width, initial_indent=f"{code:>5}  ", subsequent_indent=" " * 7)
        for code, meaning in MEANINGS.items()
    )
    return "\n".join(line for row in rows for line in row)
