"""Checks the whole installation and says what is wrong and what to do.

Touches: ``vault``, ``transport``. Start with ``examine``.

It makes no vault where there is none, and changes nothing that opening one would not change. What one part finds never
keeps the next from being looked at, unless there is nothing to look at then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Literal

import msgspec

from rocketvpn_sdk import platforms
from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.clock import Age, utc
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.errors import (
    CertificateUntrusted,
    NotBound,
    PinMismatch,
    RocketVPNError,
    SecretStoreError,
    VaultError,
)
from rocketvpn_sdk.identity import bound_elsewhere, read_machine_id
from rocketvpn_sdk.vault.folder import DATABASE, holds_vault

State = Literal["ok", "attention", "problem", "skipped"]

CHECKS = ("vault", "keyring", "content", "clock", "queue", "server", "tls", "binding", "policy")
"""In this order."""

_FIRST = "There is nothing to look at before the rest is mended."
_LARGEST_SKEW = 300.0
"""Seconds by which this device's clock may differ from the server's: proofs are refused beyond that."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found."""

    check: str
    state: State
    message: str
    remedy: str = ""
    """What to do about it; empty where there is nothing to do."""
    hint: str = ""
    """What a developer can do about it, in English."""
    code: str | None = None
    """The error's, where one was the reason."""


class Examination(msgspec.Struct, frozen=True):
    """What every check found."""

    findings: tuple[Diagnosis, ...]

    @property
    def sound(self) -> bool:
        """Whether no check found a problem."""
        return all(finding.state != "problem" for finding in self.findings)


@checked
def examine(config: Config, *, online: bool = True) -> Examination:
    """Look at the vault, the secret store, the clock, the queue, the server, TLS, the binding and the policy.

    Never raises what it finds; it is in the findings.

    Args:
        config: the app's.
        online: also ask the server; what it is told goes through the guard and the ledger like any call.
    """
    try:
        if not holds_vault(config.folder, [DATABASE]):
            nothing = "Nothing is stored on this device yet."
            return Examination(tuple(_skipped(CHECKS, nothing)))
        rocket = RocketVPN.open(config, unlock=False)
    except RocketVPNError as error:
        return Examination((_found("vault", error), *_skipped(CHECKS[1:])))
    with closing(rocket):
        return Examination(tuple(_examine(rocket, config, online=online)))


def _examine(rocket: RocketVPN, config: Config, *, online: bool) -> Iterator[Diagnosis]:
    yield _fine("vault", f"The vault's folder is private: {config.folder}")
    try:
        rocket.unlock()
    except SecretStoreError as error:
        yield _found("keyring", error)
        yield from _skipped(CHECKS[2:])
        return
    except VaultError as error:
        yield _fine("keyring", f"The key can be read from the {rocket.status().vault.secrets}.")
        yield _found("content", error)
        yield from _skipped(CHECKS[3:])
        return
    yield _keyring(rocket)
    yield _checked("content", lambda: _content(rocket))
    yield _checked("clock", lambda: _clock(rocket, config))
    yield _checked("queue", lambda: _queue(rocket))
    if not online:
        yield from _skipped(CHECKS[5:], "The server was not asked.")
        return
    try:
        date = rocket.ask_server()
    except RocketVPNError as error:
        yield from _unreached(error)
        yield from _skipped(CHECKS[7:])
        return
    yield _server(config, date)
    pins = f"{len(config.pins)} pinned keys" if config.pins else "no pinned keys"
    yield _fine("tls", f"The server's certificate was verified, with {pins}.")
    yield _checked("binding", lambda: _binding(rocket, config))
    yield _checked("policy", lambda: _policy(rocket, config))


# ---------------------------------------------------------------- on this device


def _keyring(rocket: RocketVPN) -> Diagnosis:
    vault = rocket.status().vault
    if vault.rotation_owed_since is None and vault.keeps_deleted:
        message = f"The key can be read. {vault.keeps_deleted} holds it, and keeps what is deleted from it."
        return _attention("keyring", message, "Empty its recycle bin after each deletion, or switch the bin off there.")
    if vault.rotation_owed_since is None:
        return _fine("keyring", f"The key can be read from the {vault.secrets}.")
    return Diagnosis(
        check="keyring",
        state="attention",
        message="Something was deleted, and the key above it could not be changed in the secret store since then.",
        remedy="It is changed as soon as the store can be written to. Unlock the store and open the app once.",
    )


def _content(rocket: RocketVPN) -> Diagnosis:
    checked = rocket.verify()
    held = f"{checked.records:,} records and {checked.documents:,} documents"
    return _fine("content", f"All that is stored is what was written: {held}, every chain and seal checked.")


def _clock(rocket: RocketVPN, config: Config) -> Diagnosis:
    age, wall = rocket.status().age or Age(), config.clock.time()
    if age.leap_to is not None:
        message = f"The clock leapt to {utc(age.leap_to):%Y-%m-%d}; nothing is destroyed on its word alone."
        return _attention("clock", message, "Check the date of this device.")
    if age.warned:
        message = (
            f"The server says that it is far later than {utc(wall):%Y-%m-%d}; what would be over by then is hidden."
        )
        return _attention(
            "clock", message, "Check the date of this device; a day later it is destroyed if both say so."
        )
    if age.highest - wall > _LARGEST_SKEW:
        message = f"The clock says {utc(wall):%Y-%m-%d %H:%M} UTC, and it was later than that here before."
        return _attention("clock", message, "Check the date and the time zone of this device.")
    return _fine("clock", "The clock has not been set back.")


def _queue(rocket: RocketVPN) -> Diagnosis:
    waiting = rocket.status().waiting or 0
    if waiting:
        message = f"{waiting} of your requests have not been confirmed by the server yet."
        return _attention("queue", message, "They are delivered with the next connection.")
    return _fine("queue", "Nothing waits for the server.")


# ---------------------------------------------------------------- the server


def _unreached(error: RocketVPNError) -> Iterator[Diagnosis]:
    if isinstance(error, CertificateUntrusted | PinMismatch) or error.cause == "tls":
        yield _fine("server", "Something answers at the server's address.")
        yield _found("tls", error)
    else:
        yield _found("server", error)
        yield _skip("tls", _FIRST)


def _server(config: Config, date: float | None) -> Diagnosis:
    skew = 0.0 if date is None else config.clock.time() - date
    if abs(skew) <= _LARGEST_SKEW:
        return _fine("server", f"{config.origin} answers, and the clocks agree.")
    side = "ahead of" if skew > 0 else "behind"
    message = f"This device's clock is {round(abs(skew) / 60):,} minutes {side} the server's."
    remedy = "Set it: what is signed at the wrong time is refused."
    return Diagnosis(check="server", state="problem", message=message, remedy=remedy)


def _binding(rocket: RocketVPN, config: Config) -> Diagnosis:
    try:
        order = rocket.device.order()
    except NotBound:
        return _skip("binding", "This device is not bound to an order.")
    binding = rocket.device.binding
    if binding is not None and bound_elsewhere(
        binding, app_id=config.app_id, os_user=platforms.os_user(), machine_id=read_machine_id()
    ):
        message = "What is stored here was bound on another machine, or before the system was installed anew."
        remedy = (
            "If it is a copy, remove it with `rocketvpn reset` and bind this machine by itself: both are one device to"
            " the server, and what one deletes is gone for the other."
        )
        return _attention("binding", message, remedy)
    paid = f"The order {rocket.status().order} is {order.state}, paid until {order.paid_until}."
    return _fine("binding", paid)


def _policy(rocket: RocketVPN, config: Config) -> Diagnosis:
    found = _signed_policy(rocket, config)
    aside, held = rocket.policy.set_aside, rocket.policy.current
    if aside is None or found.state in ("problem", "attention"):
        return found
    name = f"{aside.document.policy_id}, version {aside.version}"
    message = f"{found.message} The text that this program came with ({name}) is another one, and is not used."
    if aside.document.policy_id != held.document.policy_id:
        return msgspec.structs.replace(found, message=message)  # the app has a policy of its own
    return _attention(
        "policy", message, "A text of an app's own needs its own policy_id; each change, a higher version."
    )


def _signed_policy(rocket: RocketVPN, config: Config) -> Diagnosis:
    if config.resolved_root is None:
        return _skip("policy", f"Version {rocket.policy.current.version} holds; there is no root for signed files.")
    notice = rocket.policy.check()
    if notice is None or notice.binds_on is not None:
        return _fine("policy", f"Version {rocket.policy.current.version} holds, and the signed files are in order.")
    message = f"Version {notice.version} of the policy is announced and was not shown yet."
    return _attention("policy", message, "Show it: it does not bind before.")


# ---------------------------------------------------------------- findings


def _checked(check: str, look: Callable[[], Diagnosis]) -> Diagnosis:
    try:
        return look()
    except RocketVPNError as error:
        return _found(check, error)


def _found(check: str, error: RocketVPNError) -> Diagnosis:
    said = {"message": error.message, "remedy": error.remedy, "hint": error.hint}
    return Diagnosis(check=check, state="problem", code=error.code, **said)


def _fine(check: str, message: str) -> Diagnosis:
    return Diagnosis(check=check, state="ok", message=message)


def _attention(check: str, message: str, remedy: str) -> Diagnosis:
    return Diagnosis(check=check, state="attention", message=message, remedy=remedy)


def _skip(check: str, message: str) -> Diagnosis:
    return Diagnosis(check=check, state="skipped", message=message)


def _skipped(checks: tuple[str, ...], why: str = _FIRST) -> Iterator[Diagnosis]:
    for check in checks:
        yield _skip(check, why)
