"""The file from which trust in the operator's signed files begins."""

from __future__ import annotations

from pathlib import Path

from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.files.causes import why
from rocketvpn_sdk.files.reading import read_given

_LARGEST_ROOT = 128 << 10


def read_root(path: Path, *, setting: str = "trusted_root") -> bytes:
    """Return the TUF root metadata in the file ``path``, which ``setting`` names.

    Raises:
        ConfigurationError: it cannot be read, or is too long.
    """
    try:
        content = read_given(path, _LARGEST_ROOT)
    except OSError as error:
        problem = f"cannot be read ({why(error, reading=True)[1]})"
    except ValueError:
        problem = "cannot be read (no file can have that name)"
    else:
        if len(content) <= _LARGEST_ROOT:
            return content
        problem = "is too long"
    raise ConfigurationError(problem=f"the file of the TUF root ({setting}) {problem}")
