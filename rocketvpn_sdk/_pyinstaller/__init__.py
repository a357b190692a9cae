"""What PyInstaller is told about this package; it finds this by the entry point ``pyinstaller40``."""

from __future__ import annotations

from importlib import resources


def get_hook_dirs() -> list[str]:
    """Return the folder with the hook."""
    return [str(resources.files(__name__))]
