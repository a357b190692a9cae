"""The folder that holds a vault: private to one user, on a local disk, and not a link to somewhere else."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import VaultDamaged, VaultError, VaultReadOnly, VaultUnsafe
from rocketvpn_sdk.files import disk_error, disk_errors, make_folders, path_problem, require_file, what_it_is

DATABASE = "vault.db"
LOCK = "lock.db"
DELIVERY_LOCK = "courier.lock"
"""The lock file of the process that delivers the queue."""
_BESIDE = (f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")
CONTENT = (DATABASE, *_BESIDE)
LOCKS = (LOCK, f"{LOCK}-journal", DELIVERY_LOCK, f"{DELIVERY_LOCK}-journal")
"""Empty files; nothing is ever written to them."""
FILES = (*CONTENT, *LOCKS)
_SMALLEST_DATABASE = 512
"""One page of the smallest size that sqlite knows."""

_OURS = "SELECT count(*) FROM sqlite_master WHERE name = 'head' AND sql LIKE '%vault_id%'"
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")
"""How a journal of sqlite's ends that names another one, above it."""
_NEW = "SELECT count(*) = 0 FROM sqlite_master"
_FOREIGN = f"its file {DATABASE} is another program's (choose an empty folder)"
_SHARED = "it holds other files, and others may read it (choose an empty folder)"
_WRITTEN = "it is a lock and should be empty, and another program wrote into it"
_LONGEST_NAME = f"/{DELIVERY_LOCK}-journal"

ROOM = 80
"""Characters of the longest name below the folder: those of the signed files while they are fetched."""


def prepare(folder: Path, vault: Path | None = None) -> None:
    """Make ``folder`` (mode 0700) if it is missing, and check that it and its files are safe.

    Args:
        folder: a vault's, or one below it.
        vault: the vault's; default: ``folder``.

    Raises:
        VaultUnsafe: it is a link, belongs to someone else, others may write to it, they may read it and it holds other
            files than ours, it is on a network file system, it is the root or the user's home folder, or its name
            means something else on Windows.
        VaultReadOnly, VaultFull: it cannot be made.
    """
    _require_usable_name(folder)
    try:
        make_folders(folder)
    except FileExistsError:
        raise VaultUnsafe(path=str(folder), problem="it is not a folder") from None
    except OSError as error:
        raise disk_error(error, folder) from None
    check(folder, vault)


def _require_usable_name(folder: Path) -> None:
    problem = path_problem(folder, room=ROOM) or _shared_problem(folder)
    if problem:
        raise VaultUnsafe(path=str(folder), problem=problem)
    longest = platforms.longest_path()
    if longest is not None and len(os.fsencode(folder)) + len(_LONGEST_NAME) > longest:
        raise disk_error(OSError(errno.ENAMETOOLONG, ""), folder)


def _shared_problem(folder: Path) -> str | None:
    """Return why ``folder`` can never be for a vault alone."""
    if folder.parent == folder:
        return "it is the root folder; choose one for this data alone"
    home = platforms.home_folder()
    with suppress(OSError):
        if home is not None and (folder == home or folder.samefile(home)):
            return "it is the home folder; choose one in it, for this data alone"
    return None


def check(folder: Path, vault: Path | None = None) -> None:
    """Check that ``folder``, which is there, and its files are safe; what others may read of ours is closed to them.

    Raises:
        VaultUnsafe: see ``prepare``.
        VaultReadOnly: it cannot be looked into.
    """
    with disk_errors(folder):
        found = {folder: folder.lstat()}
        _require(folder, found[folder], stat.S_ISDIR)
        network = platforms.network_file_system(folder)
        if network:
            raise VaultUnsafe(path=str(folder), problem=f"it is on a network file system ({network})")
        for path in [folder / name for name in FILES]:
            with suppress(FileNotFoundError):
                found[path] = path.lstat()
                _require(path, found[path], stat.S_ISREG)
        _close_to_others(folder, {path: at for path, at in found.items() if platforms.open_to_others(at)}, vault)


def create_file(path: Path) -> bool:
    """Make ``path`` empty and private (mode 0600) unless it is there; return whether it was made.

    Raises:
        VaultReadOnly, VaultFull: the folder cannot be written to.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        raise disk_error(error, path.parent) from None
    return True


def create_lock(path: Path, vault: Path | None = None) -> None:
    """Make a lock's file where it is missing, and empty it where something was written into one of ours.

    By contract it holds nothing: what is in it came from a sync program or a copy gone wrong, keeps sqlite from locking
    and says nothing about the vault. It is ours if a vault of ours is there and no other folder has the file too.

    Args:
        path: the file.
        vault: the vault's folder; default: the one that the file is in.

    Raises:
        VaultReadOnly, VaultFull: it cannot be made, something else than a file is in its place, or it holds something
            and cannot be emptied safely.
    """
    create_file(path)
    with disk_errors(path.parent):
        found = require_file(path)
        if not found.st_size:
            return
        if found.st_nlink > 1 or not is_ours(vault or path.parent) or not platforms.empty_file(path, found):
            raise VaultReadOnly(folder=str(path), problem=_WRITTEN, cause="kind")


def require_plain_journal(database: Path) -> None:
    """Go on where the journal beside ``database`` names no other file: sqlite would remove that, wherever it is.

    Ours never names one: it belongs to transactions over several files, of which we have none.

    Raises:
        VaultDamaged: it does; nothing was removed.
        VaultReadOnly: it cannot be read.
    """
    journal = database.with_name(f"{database.name}-journal")
    with disk_errors(database.parent), suppress(FileNotFoundError):  # another process has ended its transaction
        require_file(journal)
        with journal.open("rb") as file:
            file.seek(max(0, journal.lstat().st_size - len(_NAMES_ANOTHER)))
            if file.read() == _NAMES_ANOTHER:
                raise VaultDamaged(part=f"{journal.name} names a file that is to be removed")


def is_ours(folder: Path) -> bool:
    """Return whether ``folder`` holds the file of a vault, and not only something by its name.

    Nothing is changed: sqlite neither reads nor removes the log beside the file. So a vault that was made a moment ago,
    and has everything in its log, is not seen.
    """
    return _says(folder, _OURS)


def _says(folder: Path, question: str) -> bool:
    path = folder / DATABASE
    try:
        require_file(path)
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as db:
            return bool(db.execute(question).fetchone()[0])
    except (OSError, sqlite3.Error, UnicodeDecodeError):  # the last one is what sqlite3 raises for a damaged schema
        return False


def require_ours(folder: Path) -> None:
    """Go on where ``vault.db`` is a vault's, new, damaged or not there; another program may have one by that name.

    Ours never lacks the lock beside it: that is made first, and goes last.

    Raises:
        VaultUnsafe: it is another program's.
    """
    with disk_errors(folder):
        size = _size(folder / DATABASE)
    if not size or is_there(folder / LOCK) or is_ours(folder) or _says(folder, _NEW):
        return
    raise VaultUnsafe(path=str(folder), problem=_FOREIGN)


def create_database(folder: Path) -> None:
    """Make the vault's file, empty, unless it is there. The caller holds the vault's lock.

    Raises:
        VaultReadOnly, VaultFull: the folder cannot be written to.
    """
    if is_there(folder / DATABASE):
        return
    with disk_errors(folder):
        for name in _BESIDE:  # left by a removal that was cut off; nothing can be read from them without the file
            (folder / name).unlink(missing_ok=True)
    create_file(folder / DATABASE)


def check_database(folder: Path) -> None:
    """Refuse what is left of a vault's file, which sqlite would take for a new one, and remove its log for that.

    An empty file alone is what a crash leaves before anything was written: it is a new vault.

    Raises:
        VaultDamaged: the file was cut short.
    """
    log = _size(folder / f"{DATABASE}-wal")  # first, since a vault that is being made has its file before its log
    size = _size(folder / DATABASE)
    if size is not None and (0 < size < _SMALLEST_DATABASE or (not size and log)):
        raise VaultDamaged(part="the database file was cut short")


def is_there(path: Path) -> bool:
    """Return whether something has the name ``path``; ``Path.exists`` says no, or raises, if it cannot tell.

    Raises:
        VaultReadOnly: the folders on the way cannot be looked into.
    """
    return _size(path) is not None


def holds_vault(folder: Path, names: Iterable[str] = FILES) -> bool:
    """Return whether something in ``folder`` has one of the ``names`` of a vault's files; nothing is changed.

    Raises:
        VaultUnsafe: it is a link or not a folder.
        VaultReadOnly: it cannot be looked into.
    """
    _require_usable_name(folder)
    with disk_errors(folder):
        try:
            found = folder.lstat()
        except FileNotFoundError:
            return False
    _require_kind(folder, found, stat.S_ISDIR)
    return any(is_there(folder / name) for name in names)


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, path.parent) from None


def remove(folder: Path, names: Iterable[str] = FILES) -> None:
    """Remove those of the vault's files that are named, and the folder if nothing else is in it.

    Raises:
        VaultError: one of them cannot be removed, on Windows because another process has it open.
    """
    try:
        for name in names:
            (folder / name).unlink(missing_ok=True)
    except PermissionError as error:
        if platforms.keeps_open_files():
            raise VaultError(problem="another process has its files open; they go when it has closed them") from None
        raise disk_error(error, folder) from None
    except OSError as error:
        raise disk_error(error, folder) from None
    with suppress(OSError):  # something else is in it, or others need it, as where it is a volume of its own
        folder.rmdir()


def _require_kind(path: Path, found: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(found.st_mode) or platforms.is_link(found):
        raise VaultUnsafe(path=str(path), problem=what_it_is(found))


def _require(path: Path, found: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    _require_kind(path, found, is_kind)
    if platforms.is_anothers(found):
        raise VaultUnsafe(path=str(path), problem="it belongs to another user")
    if platforms.open_to_others(found) & 0o022:
        raise VaultUnsafe(path=str(path), problem="other users may write to it (chmod go-w)")


def _close_to_others(folder: Path, found: Mapping[Path, os.stat_result], vault: Path | None) -> None:
    """Take from others what they may do with the folder and files that were ``found``: with ours, and no one else's."""
    if not found:
        return
    ours = is_ours(vault or folder)
    if folder in found and not ours and not _is_unused(folder):
        raise VaultUnsafe(path=str(folder), problem=_SHARED)
    for path, at in found.items():
        if path != folder and (at.st_nlink > 1 or (at.st_size and not ours)):
            continue  # it may be another program's; nobody gets at it through the folder
        try:
            with suppress(FileNotFoundError):  # another process closed the vault meanwhile
                path.chmod(stat.S_IMODE(at.st_mode) & 0o700)
        except OSError:
            problem = "others can read what is in it, and that cannot be changed (chmod)"
            raise VaultReadOnly(folder=str(path.parent), problem=problem) from None


def _is_unused(folder: Path) -> bool:
    """Return whether ``folder`` is empty, but for the empty files that a vault begins with."""
    return all(entry.name in FILES and not entry.lstat().st_size for entry in folder.iterdir())
