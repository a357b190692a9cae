"""Files that are there whole or not at all, locks, what is reset after a fork, and errors of the system in words.

Touches: disk. Start with ``new_file``.
"""

from rocketvpn_sdk.files.causes import (
    NONE_LEFT,
    NotAFile,
    disk_error,
    disk_errors,
    loading,
    none_left,
    out_of_files,
    require_file,
    what_it_is,
    why,
)
from rocketvpn_sdk.files.new_file import new_file, refuse_place, usable_path
from rocketvpn_sdk.files.paths import absolute, make_folders, path_problem
from rocketvpn_sdk.files.private import write_private
from rocketvpn_sdk.files.reading import read_given, read_own
from rocketvpn_sdk.files.trusted_root import read_root

__all__ = [
    "NONE_LEFT",
    "NotAFile",
    "absolute",
    "disk_error",
    "disk_errors",
    "loading",
    "make_folders",
    "new_file",
    "none_left",
    "out_of_files",
    "path_problem",
    "read_given",
    "read_own",
    "read_root",
    "refuse_place",
    "require_file",
    "usable_path",
    "what_it_is",
    "why",
    "write_private",
]
