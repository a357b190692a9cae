"""Which paths mean something else on Windows than they say. Pure rules; they work on any system.

Source: Microsoft, "Naming Files, Paths, and Namespaces" and "Maximum Path Length Limitation".
"""

from __future__ import annotations

import re
from pathlib import PureWindowsPath

_LONGEST = 259
"""Characters of a path without the prefix ``\\\\?\\``: MAX_PATH, less the zero at the end."""
_DEVICE = r"(?i:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[1-9¹²³])"  # a text: most systems never need it compiled
_LOCAL = r"(?i:[\\/]{2}[?.][\\/](?!UNC[\\/]))"
"""What ``\\\\?\\C:`` and ``\\\\.\\C:`` begin with; ``\\\\?\\UNC\\server`` is a share."""


def problem(path: PureWindowsPath, *, room: int) -> str | None:
    """Return why Windows would write somewhere else than ``path`` says, or nowhere; ``None``: it would not.

    Args:
        path: the path as the user or the app gave it.
        room: characters of the names that are going to be added to it.
    """
    if path.drive and not path.root:
        return "a path with a drive needs a backslash behind it, as in C:\\folder"
    if path.root and not path.drive:
        return "a path that begins with a backslash needs a drive before it, as in C:\\folder"
    for name in path.parts[1:] if path.anchor else path.parts:
        if re.fullmatch(_DEVICE, name.partition(".")[0].rstrip(" ")):
            return f"Windows keeps the name {name} for a device"
        if ":" in name:
            return f"a name must not have a colon ({name}): it would be hidden behind another file"
        if name != ".." and name.endswith((".", " ")):
            return f"a name must not end with a full stop or a space ({name}), which Windows leaves out"
    if len(str(path)) > _LONGEST - room and not str(path).startswith("\\\\?\\"):
        return f"the path has more than {_LONGEST - room} characters, which Windows takes only behind \\\\?\\"
    return None


def is_share(path: PureWindowsPath) -> bool:
    r"""Whether ``path`` is on another machine: ``\\server\share``, ``\\?\UNC\server\share``."""
    return str(path).startswith("\\\\") and not re.match(_LOCAL, str(path))
