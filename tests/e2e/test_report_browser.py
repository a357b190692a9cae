"""The page of the report in a real browser: accessible, quiet, narrow, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from support.browser import Watched, browser
from support.noticing import BREACH, told
from support.report_sample import report
from support.world import World

from rocketvpn_sdk import Report
from rocketvpn_sdk.testing.sandbox import running_sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.component("browser")

EVIL = "<img src=https://evil.example/x onerror=\"document.title='caught'\"><script>document.title='caught'</script>"
WIDE_WORD = "W" * 300
OUTSIDE = """[...document.querySelectorAll("svg text, svg rect")]
    .filter(it => it.getBoundingClientRect().right > innerWidth)
    .map(it => it.outerHTML)"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("report")
    with running_sandbox(folder / "server") as sandbox:
        made = report(World(sandbox, folder / "vault"))
    return msgspec.structs.replace(made, notices=told(BREACH))


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def file(made: Report, tmp_path: Path) -> Path:
    return written(made, tmp_path)


def written(report: Report, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(report.to_html(), "utf-8")
    return path


@pytest.mark.clause("X2", "T2")
def test_a_notice_is_the_first_thing_on_the_page(running: Browser, file: Path) -> None:
    page = Watched(running, file, viewport={"width": 1100, "height": 800}).page
    first = page.locator("main section").first
    assert first.get_attribute("class") == "notice"
    assert first.locator("h2").inner_text() == f"A breach of security: {BREACH.title['en']}"
    assert f"What you can do: {BREACH.do['en']}" in first.inner_text()
    assert first.locator("span[lang=en]").count() == 3
    box = first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 800  # nobody has to scroll to it


@pytest.mark.clause("A1", "P1")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1100])
def test_axe_finds_nothing(running: Browser, file: Path, scheme: str, width: int) -> None:
    watched = Watched(running, file, color_scheme=scheme, viewport={"width": width, "height": 800})
    for details in watched.page.locator("summary").all():
        details.click()
    assert watched.violations() == []
    assert watched.said == []


def test_axe_would_find_something(running: Browser, file: Path) -> None:
    file.write_text(file.read_text("utf-8").replace('<html lang="en">', "<html>"), "utf-8")
    assert [rule for rule, _ in Watched(running, file).violations()] == ["html-has-lang"]


@pytest.mark.clause("T1")
def test_it_asks_the_network_for_nothing(running: Browser, file: Path) -> None:
    watched = Watched(running, file)
    watched.page.locator("summary").first.click()
    watched.page.wait_for_load_state("networkidle")
    assert (watched.requests, watched.said) == ([], [])


@pytest.mark.clause("T1")
def test_attack_markup_in_what_is_held_neither_runs_nor_asks(running: Browser, made: Report, tmp_path: Path) -> None:
    held = msgspec.structs.replace(made.there[0], value=EVIL, sentence=EVIL, purposes=(EVIL,))
    watched = Watched(running, written(msgspec.structs.replace(made, there=(held,), caveats=(EVIL,)), tmp_path))
    assert watched.page.title() == "What is held about you"
    assert watched.page.get_by_text(EVIL).count() > 1
    assert (watched.requests, watched.said) == ([], [])


@pytest.mark.clause("T1")
def test_attack_markup_that_got_past_the_escaping_is_stopped_by_the_page_s_policy(running: Browser, file: Path) -> None:
    file.write_text(file.read_text("utf-8").replace("<h1>", f"<h1 style='color: red'>{EVIL}"), "utf-8")
    watched = Watched(running, file)
    assert watched.page.title() == "What is held about you"
    assert watched.requests == []
    assert len([said for said in watched.said if "Content Security Policy" in said]) >= 3
    assert watched.page.locator("h1").evaluate("it => getComputedStyle(it).color") != "rgb(255, 0, 0)"


@pytest.mark.parametrize("width", [320, 800])
def test_nothing_has_to_be_scrolled_sideways(running: Browser, made: Report, tmp_path: Path, width: int) -> None:
    wide = msgspec.structs.replace(made.there[0], value=WIDE_WORD, field=WIDE_WORD, kept="unknown")
    path = written(msgspec.structs.replace(made, there=(*made.there, wide)), tmp_path)
    watched = Watched(running, path, viewport={"width": width, "height": 700})
    for details in watched.page.locator("summary").all():
        details.click()
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.page.evaluate(OUTSIDE) == []


def test_on_paper_it_is_whole(running: Browser, file: Path) -> None:
    watched = Watched(running, file, color_scheme="dark")
    watched.page.emulate_media(media="print", color_scheme="dark")
    assert all(table.is_visible() for table in watched.page.locator("table").all())
    assert not watched.page.locator("nav").is_visible()
    assert watched.page.locator("body").evaluate("it => getComputedStyle(it).color") == "rgb(0, 0, 0)"
    pdf = watched.page.pdf(format="A4")
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") > 2


def test_the_keyboard_reaches_the_report(running: Browser, file: Path) -> None:
    watched = Watched(running, file)
    watched.page.keyboard.press("Tab")
    assert watched.page.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert watched.page.locator(".skip").bounding_box()["y"] >= 0
    watched.page.keyboard.press("Enter")
    assert watched.page.evaluate("document.activeElement.id") == "report"
    assert [heading.text_content() for heading in watched.page.locator("h1").all()] == ["What is held about you"]
