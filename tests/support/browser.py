"""Debian's Chromium, driven by Playwright: pages that may ask the network for nothing, and are watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Route

PATH = Path("/usr/bin/chromium")


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser; without its sandbox, since tests may run as root in a container."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PATH, args=["--no-sandbox"])
        yield running
        running.close()


class Watched:
    """A page in a context of its own; every request but that for the page itself is stopped and counted."""

    def __init__(self, running: Browser, file: Path, **context: Any) -> None:
        self.page: Page = running.new_context(**context).new_page()
        self.requests: list[str] = []
        self.said: list[str] = []
        self._file = file.as_uri()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.route("**/*", self._route)
        self.page.goto(self._file)

    def _console(self, message: ConsoleMessage) -> None:
        self.said.append(message.text)

    def _route(self, route: Route) -> None:
        if route.request.url == self._file:
            route.continue_()
            return
        self.requests.append(route.request.url)
        route.abort()

    def violations(self) -> list[tuple[str, str]]:
        """Return what axe finds: the rule, and the first element that breaks it."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [(each["id"], each["nodes"][0]["html"]) for each in found]
