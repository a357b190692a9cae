"""The SDK's own log: the page has every line, and no line is written where an app's own logging call passes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from support.own_log import documented

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "rocketvpn_sdk"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def logged(path: Path) -> Iterator[ast.Call]:
    """Yield each call of a module's ``logger``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and ast.unparse(called.value) == "logger" and called.attr in LEVELS:
            assert isinstance(node, ast.Call)
            yield node


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "sandbox"]


def test_the_page_has_every_line_that_is_written_and_no_other() -> None:
    written = set()
    for path in modules():
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for call in logged(path):
            message = call.args[0]
            assert isinstance(message, ast.Constant), f"{name}:{call.lineno} is not a constant text"
            assert isinstance(call.func, ast.Attribute)
            assert call.keywords == [], f"{name}:{call.lineno} says more than its text"  # exc_info has paths, texts
            written.add((name, call.func.attr.upper(), message.value))
    assert written == documented()


def test_nothing_is_written_where_an_app_s_own_line_passes() -> None:
    passed = [*(PACKAGE / "journal").rglob("*.py"), PACKAGE / "vault" / "sealed_log.py"]
    assert [path.name for path in passed if list(logged(path))] == []


def test_every_module_s_logger_bears_its_name() -> None:
    made = [
        path for path in modules() if re.search(r"^\w+ = logging\.getLogger", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert made
    for path in made:
        assert "\nlogger = logging.getLogger(__name__)" in path.read_text("utf-8"), path.name
