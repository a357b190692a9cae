"""How the documentation is built: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
sys.path.insert(0, str(HERE.parent))

from rocketvpn_sdk._version import __version__  # noqa: E402 - found through the path set above

project = "rocketvpn_sdk"
author = "The rocketvpn_sdk authors"
project_copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "generated",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
napoleon_numpy_docstring = False

# Only blocks that say so are run; a plain code block is for reading.
doctest_test_doctest_blocks = ""

html_theme = "furo"
html_title = f"rocketvpn_sdk {__version__}"
html_copy_source = False
html_show_sphinx = False
