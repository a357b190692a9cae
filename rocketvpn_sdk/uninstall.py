"""What an uninstaller does: find every vault of an app, of this user or of all, and remove each with its keys.

Touches: disk, ``vault``. Start with ``find``.

Each user's vaults are looked for and removed by a process of that user: nobody can plant a link by which the
uninstaller's rights remove something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from rocketvpn_sdk import platforms
from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.clock import SystemClock
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.errors import AdministratorNeeded, ConfigurationError, RocketVPNError, VaultError
from rocketvpn_sdk.files import disk_errors
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.platforms.users import User, as_user, may_become_others, user_name, users
from rocketvpn_sdk.signed_files import folder as signed
from rocketvpn_sdk.vault import KeyringSecrets, PassphraseSecrets, Removal
from rocketvpn_sdk.vault.folder import holds_vault, is_there
from rocketvpn_sdk.vault.passphrase import FILE
from rocketvpn_sdk.vault.resetting import reset_vault

_SERVER = "https://localhost"
"""Some address: none is asked."""
_UNKNOWN = "The files were damaged and did not say which key was theirs. It may still be in the secret store."
_NOT_REACHED = "A process of this user's own could not be started, or did not come to its end."


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """A vault of the app."""

    user: str
    """The operating system's name of the user."""
    profile: str
    folder: str
    secrets: Literal["keyring", "passphrase"]
    """Where its root key lives."""


class Remainder(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be looked at, or could not be removed whole."""

    user: str
    folder: str = ""
    """Empty: all that the user may have."""
    problem: str
    """A sentence."""
    code: str
    """The error's code."""


class Installations(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, or what was removed; and what could not be."""

    vaults: tuple[Installation, ...] = ()
    left: tuple[Remainder, ...] = ()
    keep_deleted: tuple[str, ...] = ()
    """The programs behind the secret stores that are known to keep what was deleted from them."""


@checked
def find(app_id: str, everyone: bool = False) -> Installations:
    """Return the vaults of ``app_id`` in this user's data folder, or in everybody's; changes nothing.

    A vault elsewhere (``Config(data_dir=…)``, another user's ``XDG_DATA_HOME``) is not found: remove that by
    ``RocketVPN.reset``. Nor is a user whom the system does not list, as those of a company's directory may not be.

    Args:
        app_id: as in ``Config``.
        everyone: of all users of this computer; needs the administrator's rights, on Linux and macOS.

    Raises:
        ConfigurationError: ``app_id`` cannot be one.
        AdministratorNeeded: ``everyone`` without those rights, or on Windows.
    """
    return _of_each(app_id, everyone, _find)


@checked
def remove(app_id: str, everyone: bool = False) -> Installations:
    """Remove what ``find`` finds, with its keys in the secret stores; calling it again goes on with what is left.

    No server is told: it goes on holding what it holds. What the user wants deleted there too is deleted before, by
    ``rights.delete``.

    Args:
        app_id: as in ``Config``.
        everyone: as for ``find``.

    Raises:
        ConfigurationError, AdministratorNeeded: as for ``find``; nothing was removed.
    """
    return _of_each(app_id, everyone, _remove)


# ------------------------------------------------------------ one user


def _find(app_id: str, user: str) -> Installations:
    home = platforms.data_folder(app_id)
    folder = home / "rocketvpn" if home is not None else None
    if folder is None:
        return Installations()
    vaults, left = list[Installation](), list[Remainder]()
    try:
        with disk_errors(folder):
            places = sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
    except VaultError as error:
        return Installations(left=(_remainder(user, str(folder), error),))
    for place in filter(partial(_may_be_profile, app_id), places):
        try:
            vaults += _looked_at(place, user)
        except VaultError as error:  # the others are found all the same
            left.append(_remainder(user, str(place), error))
    return Installations(vaults=tuple(vaults), left=tuple(left))


def _may_be_profile(app_id: str, place: Path) -> bool:
    try:
        Config(_SERVER, app_id, profile=place.name)
    except ConfigurationError:
        return False
    return True


def _looked_at(folder: Path, user: str) -> Iterator[Installation]:
    with disk_errors(folder):
        if folder.is_symlink() or not folder.is_dir():
            return
    if holds_vault(folder):
        secrets: Literal["keyring", "passphrase"] = "passphrase" if is_there(folder / FILE) else "keyring"
        yield Installation(user=user, profile=folder.name, folder=str(folder), secrets=secrets)


def _remove(app_id: str, user: str) -> Installations:
    found = _find(app_id, user)
    removed, left, keepers = list[Installation](), list(found.left), set[str]()
    for each in found.vaults:
        try:
            removal = _reset(each)
        except RocketVPNError as error:
            left.append(_remainder(user, each.folder, error))
        else:
            removed.append(each)
            left += _keys_left(each, removal)
            keepers |= {removal.keeps_deleted} - {""}
    home = platforms.data_folder(app_id)
    if home is not None:
        for folder in (home / "rocketvpn", home):
            with suppress(OSError):  # something else is in it, and stays
                folder.rmdir()
    return Installations(vaults=tuple(removed), left=tuple(left), keep_deleted=tuple(sorted(keepers)))


def _reset(installation: Installation) -> Removal:
    folder, limits = Path(installation.folder), Limits()
    by_passphrase = installation.secrets == "passphrase"
    # A passphrase is not needed for a removal: its file goes with the folder.
    secrets = PassphraseSecrets("-") if by_passphrase else KeyringSecrets(timeout=limits.secret_timeout)
    return reset_vault(folder, secrets, SystemClock(), limits, lambda: signed.remove(signed.beside(folder)))


def _keys_left(installation: Installation, removal: Removal) -> Iterator[Remainder]:
    told = partial(Remainder, user=installation.user, folder=installation.folder)
    for name in removal.left:
        problem = f"The secret store has an entry, {name}, that the file named and could not prove to be its own."
        yield told(problem=problem, code="unproven")
    if removal.unknown:
        yield told(problem=_UNKNOWN, code="unknown")


def _remainder(user: str, folder: str, error: RocketVPNError) -> Remainder:
    return Remainder(user=user, folder=folder, problem=f"{error.message} {error.remedy}".strip(), code=error.code)


# ------------------------------------------------------------ each user


def _of_each(app_id: str, everyone: bool, work: Callable[[str, str], Installations]) -> Installations:
    Config(_SERVER, app_id)  # checks it
    if not everyone:
        return work(app_id, user_name())
    if not may_become_others():
        raise AdministratorNeeded
    parts = [_of_user(user, partial(work, app_id, user.name)) for user in users()]
    return Installations(
        vaults=tuple(each for part in parts for each in part.vaults),
        left=tuple(each for part in parts for each in part.left),
        keep_deleted=tuple(sorted({each for part in parts for each in part.keep_deleted})),
    )


def _of_user(user: User, work: Callable[[], Installations]) -> Installations:
    said = as_user(user, lambda: msgspec.json.encode(work()))
    try:
        return msgspec.json.decode(said, type=Installations)
    except msgspec.MsgspecError:
        return Installations(left=(Remainder(user=user.name, problem=_NOT_REACHED, code="not-reached"),))
