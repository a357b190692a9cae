"""``Config``: everything that an app decides, in one frozen value, checked when it is made.

Touches: disk, ``vault``. Start with ``Config``.

On disk it reads the file of ``trusted_root``; of the vault it needs the kinds of secret stores.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, Self
from urllib.parse import urlsplit

import msgspec

from rocketvpn_sdk import platforms
from rocketvpn_sdk.arguments import Unfit, kinds_of
from rocketvpn_sdk.clock import Clock, SystemClock, checked_clock
from rocketvpn_sdk.entered import Authenticator
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.events import Callback, Dispatch, Notification, call_directly
from rocketvpn_sdk.files import absolute, path_problem, read_root, why
from rocketvpn_sdk.journal.event import Event
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.policy import Policy, bundled_policy, load_policy
from rocketvpn_sdk.vault.folder import ROOM
from rocketvpn_sdk.vault.secrets import KeyringSecrets, SecretStore

_SERVER = re.compile(r"https://[^\s/?#@\\]+/*")
_APP_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,98}[A-Za-z0-9])?")
_PROFILE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}(-[0-9A-Za-z]{1,20})?")
_CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,19}")
_PROXY = re.compile(r"https?://[^\s/?#\\]+/?")
_NO_PROXY = "proxy must be a URL such as http://proxy.example:3128, or a callable that returns one"
_NO_HOME = "this user has no home folder: pass data_dir, or set HOME or XDG_DATA_HOME to a folder (from the root on)"
_TRUST = "the file of CA certificates (trust)"
_WITHIN = "receipts must be outside the vault's folder, which goes with a deletion"
_PIN = re.compile(r"sha256/[A-Za-z0-9+/]{43}=")


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    profile: str = "default"
    data_dir: Path | None = None
    secrets: SecretStore | None = None
    trust: Path | None = None
    pins: Sequence[str] = ()
    policy: Policy | Path | None = None
    events: Sequence[type[Event]] = ()
    authenticator: Authenticator | None = None
    dispatch: Dispatch = call_directly
    on: Mapping[type[Notification], Callback] = {}
    log_text: Literal["private", "scrubbed"] = "private"
    never_wait: Sequence[str] = ()
    collect: bool = True
    background: bool = False
    witness: bool = False
    proxy: str | Callable[[], str | None] | None = None
    allow_tls12: bool = False
    trusted_root: Path | bytes | None = None
    receipts: Path | None = None
    app_version: str | None = None
    channel: str = "stable"
    clock: Clock = msgspec.field(default_factory=SystemClock)
    limits: Limits = msgspec.field(default_factory=Limits)


class Config(_Options, frozen=True):
    """What an app decides.

    Args:
        server: the server's address, ``https://host[:port]``.
        app_id: the app's own name in reverse domain form (``org.example.vpn``); also its OAuth client id.
        profile: separates two orders on one device.
        data_dir: the vault's folder; default: the platform's data folder for ``app_id`` and ``profile``. This path and
            every other is made absolute here, once: ``chdir`` changes nothing afterwards.
        secrets: where the root key lives; default: the operating system's keyring.
        trust: a file of CA certificates (PEM); default: the operating system's trust store.
        pins: ``sha256/<base64>`` of public keys (SPKI), one of which the server's chain must have; two or more, or
            none.
        policy: a policy or the file of one; default: the one that ships with the SDK.
        events: the app's event classes.
        authenticator: asks the user for an e-mailed code; without one, such calls raise ``AuthenticationRequired``.
        on: by type of notification, what is called with each; the same as ``rocket.events.subscribe``, before anything
            happens.
        dispatch: runs event callbacks where the app wants them, e.g. on its GUI thread.
        log_text: what is kept of log lines. ``private``: a text that is a constant of the calling code stays, and of
            its values numbers, declared words, and what is marked ``public``; other values become their kind.
            ``scrubbed``: the formatted line, without what looks personal.
        never_wait: names of threads, such as ``MainThread``, on which recording never waits for the disk. An ``ERROR``
            is then sealed a moment after the call, and a crash in between loses it.
        collect: ``False`` keeps no journal at all; binding and rights work all the same. The app's own calls that the
            service needs may still carry what they declare; for anything else nothing observed leaves.
        background: ``True`` does by itself, on one thread, what ``RocketVPN.sync`` does, when it is due; it never asks
            the user.
        witness: notes where else this process's Python code connects to, for ``rights.witnessed()``; it stops nothing,
            and ``rocketvpn_sdk.witness.CAVEATS`` says what it cannot see.
        proxy: the URL of an HTTP proxy (``http://`` or ``https://``, with a name and password where it wants them), or
            what returns one, or ``None`` for none: it is asked before every call, on the caller's thread. The
            environment's proxy settings are never read.
        allow_tls12: take TLS 1.2 too, for a server or a middlebox that knows nothing newer; the default is TLS 1.3.
        trusted_root: the operator's TUF root metadata, or the file of it: where trust in signed files (a new policy,
            the keys of receipts, releases) begins. Without it there are none.
        receipts: a folder outside the vault's, in which the server's signed receipt of every deletion of this device is
            written before the vault goes. Without it, a deletion of the device or the account that nobody waits for is
            concluded only if the app subscribes to ``DeletionConfirmed``.
        app_version: the version of the app that is installed, such as ``1.4.2``, for ``rocket.updates``.
        channel: which of the operator's channels it takes releases from.
        clock: the time, for tests.
        limits: the bounds.

    Raises:
        ConfigurationError: a value cannot work; the sentence says which and why.
        PolicyInvalid: the policy's file is not valid.
    """

    server: str
    app_id: str

    def __post_init__(self) -> None:
        _check_kinds(self)
        msgspec.structs.force_setattr(self, "clock", checked_clock(self.clock))
        _check_server(self.server)
        _check(_matches(_APP_ID, self.app_id), "app_id must look like org.example.vpn")
        _check(_matches(_PROFILE, self.profile), "profile may have letters, digits, - and _, at most 40")
        _check(len(set(self.pins)) != 1, "give two pins or more, so that one lost key locks nobody out, or none")
        _check(all(_matches(_PIN, pin) for pin in self.pins), "a pin looks like sha256/ and 44 characters of base64")
        for name in ("data_dir", "trust", "receipts", "policy", "trusted_root"):
            if isinstance(path := getattr(self, name), Path):
                msgspec.structs.force_setattr(self, name, _usable(name, path))
        if self.receipts is not None:
            _check_way("receipts", self.receipts)
            _check(not platforms.is_within(self.receipts, self.folder), _WITHIN)
        _check(self.proxy is None or callable(self.proxy) or _matches(_PROXY, self.proxy), _NO_PROXY)
        _check(self.app_version is None or _matches(_VERSION, self.app_version), "app_version must look like 1.4.2")
        _check(_matches(_CHANNEL, self.channel), "channel may have small letters, digits and -, at most 20")
        if self.trust is not None:
            _check_trust(self.trust)
        if isinstance(self.policy, Path):
            msgspec.structs.force_setattr(self, "policy", load_policy(self.policy))
        if isinstance(self.trusted_root, Path):
            msgspec.structs.force_setattr(self, "trusted_root", read_root(self.trusted_root))

    @property
    def origin(self) -> str:
        """The server's address without a slash at its end."""
        return self.server.rstrip("/")

    @property
    def resolved_policy(self) -> Policy:
        """The policy in force."""
        return self.policy if isinstance(self.policy, Policy) else bundled_policy()

    @property
    def resolved_root(self) -> bytes | None:
        """The TUF root metadata; ``None``: there are no signed files."""
        return self.trusted_root if isinstance(self.trusted_root, bytes) else None

    @property
    def folder(self) -> Path:
        """The vault's folder, from the root on.

        Raises:
            ConfigurationError: it is not given, and this user has no home folder to have it in.
        """
        if self.data_dir is not None:
            return self.data_dir
        home = platforms.data_folder(self.app_id)
        if home is None:
            raise ConfigurationError(problem=_NO_HOME)
        return _usable("the user's data folder", home) / "rocketvpn" / self.profile

    @property
    def resolved_secrets(self) -> SecretStore:
        """Where the root key lives."""
        if self.secrets is not None:
            return self.secrets
        return KeyringSecrets(timeout=self.limits.secret_timeout)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("Config cannot be pickled: it may hold a passphrase or a proxy's password")

    def __copy__(self) -> Self:
        return self  # it never changes; ``msgspec.structs.replace`` makes another one

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __repr__(self) -> str:
        return f"Config({self.server!r}, {self.app_id!r}, profile={self.profile!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Say the same to Rich, which asks a struct for its values: a proxy's may be a password."""
        return [("server", self.server), ("app_id", self.app_id), ("profile", self.profile)]


def _unread(error: OSError) -> str:
    return f"it cannot be read ({why(error, reading=True)[1]})"


def _check_trust(path: Path) -> None:
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        raise ConfigurationError(problem=f"{_TRUST} is not there") from None
    except OSError as error:
        raise ConfigurationError(problem=f"{_TRUST}: {_unread(error)}") from None
    _check(is_file, f"{_TRUST} is not there: something else than a file is in its place")


def _check_way(name: str, path: Path) -> None:
    """Refuse a folder that there can never be; one that cannot be used today is found out where it is used."""
    try:
        path.stat()
    except OSError as error:
        cause, problem = why(error)
        _check(cause not in ("links", "name", "kind"), f"{name} cannot be used ({problem})")


def _usable(name: str, path: Path) -> Path:
    problem = path_problem(path, room=ROOM)
    _check(not problem, f"{name} cannot be used ({problem})")
    try:
        return absolute(path)
    except ValueError as error:
        raise ConfigurationError(problem=f"{name} cannot be used ({error})") from None


def _check_kinds(config: Config) -> None:
    """Check every value against its annotation, and keep a copy of those that could be altered later."""
    for name, kind in kinds_of(Config).items():
        try:
            msgspec.structs.force_setattr(config, name, kind.checked(getattr(config, name)))
        except Unfit as unfit:
            raise ConfigurationError(problem=f"{name} {unfit.problem.removeprefix('it ')}") from None


def _check(holds: object, problem: str) -> None:
    if not holds:
        raise ConfigurationError(problem=problem)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _check_server(server: str) -> None:
    problem = "server must be an https address and nothing more, such as https://api.example.org"
    _check(_matches(_SERVER, server), problem)
    try:
        parts = urlsplit(server)
        _ = parts.port  # raises where it is no number
    except ValueError:
        raise ConfigurationError(problem="server is not an address") from None
    _check(parts.hostname and not parts.netloc.endswith(":"), problem)
