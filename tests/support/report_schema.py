"""Writes docs/report.schema.json from the types: `python tests/support/report_schema.py`."""

from __future__ import annotations

import json
from pathlib import Path

from rocketvpn_sdk.rights.report.schema import schema

PATH = Path(__file__).parents[2] / "docs" / "report.schema.json"


def text() -> str:
    """Return what the file has to be."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
