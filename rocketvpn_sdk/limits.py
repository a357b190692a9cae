"""Every bound of the SDK, in one frozen value.

Touches: nothing. Start with ``Limits``.
"""

from __future__ import annotations

import msgspec

from rocketvpn_sdk.errors import ConfigurationError

_LARGEST = 1e9
"""Seconds or bytes; what waits takes no longer times on every system."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds on reads, retries, sizes and waits. Times are in seconds, sizes in bytes.

    The defaults suit a desktop app; a test or a slow link may pass its own to ``Config(limits=...)``.

    Raises:
        ConfigurationError: a bound is not a number from 0 to a thousand million; a count must be a whole one.
    """

    # The network: every answer is bounded in time and size.
    connect_timeout: float = 5.0
    read_timeout: float = 10.0
    write_timeout: float = 10.0
    total_timeout: float = 30.0
    """One call, all its tries together."""
    max_response_bytes: int = 1 << 20
    max_download_bytes: int = 1 << 29
    """A release of the software; no other answer is so long."""
    slowest_download: int = 4 << 10
    """Bytes a second that a download has to bring, over each ``total_timeout``; a slower one has failed."""
    max_json_depth: int = 16
    retry_attempts: int = 3
    retry_share: float = 0.1
    """Retries that each call earns: in an outage they add a tenth to the load and do not multiply it."""
    retry_burst: float = 10.0
    """Retries that a client which just started, or called nothing for ten minutes, may make at once."""

    code_answers: int = 5
    """Answers that the user is asked for to one challenge, those that cannot be right included."""

    report_delay: float = 6 * 3600.0
    """The longest that a report waits before it goes; for how long is random."""

    # The journal.
    batch_records: int = 256
    flush_interval: float = 1.0
    flush_patience: float = 0.25
    """A logging call waits no longer than this for the disk: with an ERROR, or when too much waits in memory."""
    locked_records: int = 1000
    """Records kept in memory while the vault is locked; what comes after is counted and dropped."""
    log_bytes: int = 16 << 20
    """Sealed bytes of the ``log`` stream; beyond it the oldest blocks go first."""

    # The vault.
    secret_timeout: float = 60.0
    """One call to the secret store, which may be waiting for the user at its prompt."""
    busy_timeout: float = 10.0
    """Waiting for another process's write."""
    keyring_settle: float = 15.0
    """Some keyrings answer before they have written: the old root's bridge stays this long."""

    close_timeout: float = 5.0

    def __post_init__(self) -> None:
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            counts = type(value) is int or (field.type is float and type(value) is float)
            if not counts or not 0 <= value <= _LARGEST:
                wanted = "a number" if field.type is float else "a whole number"
                raise ConfigurationError(problem=f"limits: {field.name} must be {wanted} from 0 to {_LARGEST:.0f}")
