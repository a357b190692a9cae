"""Other operating systems, as far as Linux can play them. Everything is replaced at ``rocketvpn_sdk.platforms``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from rocketvpn_sdk import platforms


def become(patch: pytest.MonkeyPatch, system: str) -> None:
    """Let our code, and no library, believe that it runs on ``system``, as ``sys.platform`` names it."""
    for module in (platforms, platforms.open_files, platforms.running):
        patch.setattr(module, "sys", SimpleNamespace(platform=system))


def forget_drives(patch: pytest.MonkeyPatch) -> None:
    """Take any path: the tests' own folders have no drive."""
    patch.setattr(platforms.windows_paths, "problem", lambda path, room: None)


def keep_open_files(patch: pytest.MonkeyPatch) -> None:
    """Become Windows, where what this process has open can be neither removed nor moved nor replaced.

    Only the rules about paths stay away, since the tests' own folders have no drive.
    """
    become(patch, "win32")
    forget_drives(patch)
    for name in ("unlink", "remove", "rename", "replace"):
        patch.setattr(os, name, _refusing_open_files(getattr(os, name)))
    patch.setattr(os, "link", _there_is_none)
    patch.delattr(os, "register_at_fork")
    patch.delattr(os, "geteuid")
    patch.setattr(os, "getlogin", lambda: "kim")
    patch.delattr(os, "O_NOFOLLOW")


def open_files() -> set[str]:
    """Return the paths of what this process has open."""
    found = set()
    for handle in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(handle.readlink()))
        except FileNotFoundError:  # that of the listing itself
            continue
    return found


def _refusing_open_files(call: Callable[..., Any]) -> Callable[..., Any]:
    def refusing(*paths: Any, **options: Any) -> Any:
        folder = options.get("dir_fd")
        base = Path.cwd() if folder is None else Path(f"/proc/self/fd/{folder}").readlink()
        if call.__name__ == "rename" and os.path.lexists(paths[1]):
            raise FileExistsError(17, "Cannot create a file when that file already exists", str(paths[1]))
        if open_files() & {str(base / os.fsdecode(path)) for path in paths}:
            raise PermissionError(13, "The process cannot access the file because it is being used", str(paths[0]))
        return call(*paths, **options)

    return refusing


def _there_is_none(*_: object, **__: object) -> NoReturn:
    raise AssertionError("this is not called on Windows")


class CredentialManager:
    """``win32cred`` and its store: generic credentials within the bounds of wincred.h, nothing else.

    ``CRED_MAX_CREDENTIAL_BLOB_SIZE`` is 5 × 512 bytes, ``CRED_MAX_USERNAME_LENGTH`` 513 characters,
    ``CRED_MAX_GENERIC_TARGET_NAME_LENGTH`` 32,767. A text is stored as UTF-16, as pywin32 does.
    """

    CRED_TYPE_GENERIC = 1
    CRED_PERSIST_SESSION, CRED_PERSIST_LOCAL_MACHINE, CRED_PERSIST_ENTERPRISE = 1, 2, 3
    LARGEST = 5 * 512
    NOT_FOUND = 1168

    class Error(Exception):
        """``pywintypes.error``."""

        def __init__(self, winerror: int, funcname: str) -> None:
            super().__init__(winerror, funcname, "")
            self.winerror, self.funcname = winerror, funcname

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.written: list[dict[str, Any]] = []

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put keyring's Windows backend on top of this."""
        from keyring.backends import Windows

        become(patch, "win32")
        forget_drives(patch)
        patch.setattr(Windows, "win32cred", self, raising=False)
        patch.setattr(Windows, "pywintypes", SimpleNamespace(error=self.Error), raising=False)
        patch.setattr(Windows, "missing_deps", False)

    def CredRead(self, Type: int, TargetName: str) -> dict[str, Any]:  # noqa: N802, N803 - the system's own names
        return dict(self._found(TargetName, "CredRead"))

    def CredWrite(self, credential: dict[str, Any], flags: int) -> None:  # noqa: N802 - as above
        blob = credential["CredentialBlob"].encode("utf-16-le")
        name, user = credential["TargetName"], credential["UserName"]
        if credential["Type"] != self.CRED_TYPE_GENERIC or len(blob) > self.LARGEST or len(user) > 513:
            raise self.Error(1783, "CredWrite")  # RPC_X_BAD_STUB_DATA
        assert len(name) <= 32_767
        self.entries[name] = {**credential, "CredentialBlob": blob}
        self.written.append(self.entries[name])

    def CredDelete(self, Type: int, TargetName: str) -> None:  # noqa: N802, N803 - as above
        self._found(TargetName, "CredDelete")
        del self.entries[TargetName]

    def _found(self, name: str, call: str) -> dict[str, Any]:
        if name not in self.entries:
            raise self.Error(self.NOT_FOUND, call)
        return self.entries[name]
