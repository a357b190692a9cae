"""Writes docs/_static/report-*.png, what the report looks like: `python tests/support/report_pictures.py`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).parents[1]))

from rocketvpn_sdk.testing.sandbox import running_sandbox
from support.browser import Watched, browser
from support.report_sample import report
from support.world import World

FOLDER = Path(__file__).parents[2] / "docs" / "_static"
_SIZES = {"light": (820, 1000), "dark": (400, 1000), "print": (794, 1123)}
"""CSS pixels; the last is A4."""


def main() -> None:
    """Make a real report, and photograph the beginning of its page."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, running_sandbox(Path(name) / "server") as sandbox:
        page = Path(name) / "report.html"
        page.write_text(report(World(sandbox, Path(name) / "vault"), weeks=10).to_html(), "utf-8")
        with browser() as running:
            for kind, (width, height) in _SIZES.items():
                size = {"width": width, "height": height}
                watched = Watched(running, page, viewport=size, color_scheme="dark" if kind == "dark" else "light")
                if kind == "print":
                    watched.page.emulate_media(media="print")
                    watched.page.locator("#pictures").scroll_into_view_if_needed()
                    watched.page.evaluate("document.querySelector('#pictures').scrollIntoView()")
                watched.page.screenshot(path=FOLDER / f"report-{kind}.png")


if __name__ == "__main__":
    main()
