"""The settings file (TOML): which server, which app, where things rest."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from rocketvpn_sdk.config import Config
from rocketvpn_sdk.entered import Authenticator
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.files import read_own, why
from rocketvpn_sdk.policy import Policy, bundled_policy, load_policy
from rocketvpn_sdk.vault import PassphraseSecrets, SecretStore

CONFIG_VARIABLE = "ROCKETVPN_CONFIG"
MAX_BYTES = 1 << 20
"""The longest settings file; a real one has some hundred bytes."""


class SettingsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file may say; paths in it are relative to the file's own folder, and ``~`` is the user's home folder."""

    server: str
    app_id: str
    hosts: tuple[str, ...] = ()
    """The operator's host names, in the place of those in the policy: for a sandbox or a server of one's own."""
    relay_hosts: tuple[str, ...] = ()
    """The same, of the relay that passes sealed messages on."""
    partner_hosts: tuple[str, ...] = ()
    """The same, of the company whose offers can be taken."""
    trust: str | None = None
    """A file of CA certificates."""
    trusted_root: str | None = None
    """The file of the operator's TUF root metadata."""
    pins: tuple[str, ...] = ()
    proxy: str | None = None
    """The URL of an HTTP proxy."""
    allow_tls12: bool = False
    policy: str | None = None
    """The file of a policy; by default the one that ships with the SDK."""
    app_version: str | None = None
    """The version of the app that is installed."""
    channel: str = "stable"
    data_dir: str | None = None
    profile: str = "default"
    secrets: Literal["keyring", "passphrase", "memory"] = "keyring"


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What options say; it goes before what the file says."""

    config: Path | None = None
    data_dir: Path | None = None
    profile: str | None = None
    passphrase: bool = False


def read_settings(path: Path | None) -> tuple[SettingsFile, Path]:
    """Return the settings in the file at ``path`` and the folder that it is in.

    Raises:
        ConfigurationError: there is no file, or something in it cannot work; the sentence names the setting.
    """
    if path is None:
        raise ConfigurationError(
            problem=f"there are no settings; name a file with --config or {CONFIG_VARIABLE}"
            " (`rocketvpn sandbox` makes one)"
        )
    raw = _parsed(path)
    known = SettingsFile.__struct_fields__
    for name in raw:
        if name not in known:
            raise ConfigurationError(problem=f"{path} has a setting {name!r}; there are only: {', '.join(known)}")
    for name, value in raw.items():
        if value == "":
            raise ConfigurationError(problem=f"{path}: the setting {name!r} is empty; give it a value, or leave it out")
    try:
        return msgspec.convert(raw, SettingsFile), path.absolute().parent
    except msgspec.ValidationError as error:
        raise ConfigurationError(problem=f"{path}: {_reworded(str(error))}") from None


def place(base: Path, text: str | None) -> Path | None:
    """Return the path that a setting names, from the folder ``base`` of its file on; ``None``: it is not set.

    Raises:
        ConfigurationError: it begins with ``~``, and there is no such home folder.
    """
    if text is None:
        return None
    try:
        return base / (Path(text).expanduser() if text.startswith("~") else Path(text))
    except RuntimeError:
        raise ConfigurationError(problem=f"there is no home folder for {text!r}; write the whole path") from None


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = read_own(Path(os.path.realpath(path)), MAX_BYTES + 1)  # the user may keep it behind a link
        if len(content) > MAX_BYTES:
            raise ConfigurationError(problem=f"{path} is longer than {MAX_BYTES} bytes")
        return tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise ConfigurationError(problem=f"{path} cannot be read ({why(error, reading=True)[1]})") from None
    except UnicodeDecodeError:
        raise ConfigurationError(problem=f"{path} cannot be read (it is not UTF-8)") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(problem=f"{path} is not TOML ({error})") from None
    except (ValueError, RecursionError):  # tomllib lets these through
        raise ConfigurationError(problem=f"{path} is not TOML (a number is too long, or it is too deep)") from None


def make_config(
    chosen: Chosen, *, authenticator: Authenticator | None, ask_passphrase: Callable[[Path], str]
) -> Config:
    """Return the configuration that options and file come to.

    Args:
        chosen: the options.
        authenticator: asks for an e-mailed code.
        ask_passphrase: asks for the passphrase of the vault in a folder.

    Raises:
        ConfigurationError: something cannot work.
    """
    settings, base = read_settings(chosen.config)
    data_dir = chosen.data_dir or place(base, settings.data_dir)

    def config(secrets: SecretStore | None = None) -> Config:
        return Config(
            settings.server,
            settings.app_id,
            profile=chosen.profile or settings.profile,
            data_dir=data_dir,
            secrets=secrets,
            trust=place(base, settings.trust),
            trusted_root=place(base, settings.trusted_root),
            pins=settings.pins,
            proxy=settings.proxy,
            allow_tls12=settings.allow_tls12,
            policy=_policy(settings, base),
            app_version=settings.app_version,
            channel=settings.channel,
            authenticator=authenticator,
        )

    if chosen.passphrase or settings.secrets == "passphrase":
        folder = config().folder
        return config(PassphraseSecrets(lambda: ask_passphrase(folder)))
    if settings.secrets == "memory":
        raise ConfigurationError(problem='secrets = "memory" would lose the key at the end of every command')
    return config()


def _policy(settings: SettingsFile, base: Path) -> Policy:
    file = place(base, settings.policy)
    policy = load_policy(file) if file else bundled_policy()
    given = {"operator": settings.hosts, "relay": settings.relay_hosts, "partner": settings.partner_hosts}
    for recipient, hosts in given.items():
        policy = policy.with_hosts(recipient, hosts) if hosts else policy
    return policy


def _reworded(message: str) -> str:
    """Return msgspec's message about a setting with the setting's name in front."""
    problem, _, where = message.partition(" - at `$.")
    name = where.rstrip("`")
    if name:
        return f"the setting {name!r}: {problem[:1].lower()}{problem[1:]}"
    return problem.replace("Object missing required field", "it lacks the setting")
