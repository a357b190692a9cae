"""The JSON form of the report, as a JSON Schema (2020-12), made from its types."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from rocketvpn_sdk.rights.report.report import Report

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema: docs/report.schema.json is this."""
    made = msgspec.json.schema(Report)
    for definition in made["$defs"].values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return {"$schema": DIALECT, "title": "A report of everything held about a user, format 1", **made}
