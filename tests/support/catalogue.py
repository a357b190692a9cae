"""Writes rocketvpn_sdk/locale/rocketvpn.pot, the catalogue to translate from: `python tests/support/catalogue.py`.

It has what stands in ``translate("…")``, ``translate_number("…", "…", …)``, ``marked("…")`` and, in the report's page,
in ``_("…")``; the errors' sentences and what to do; and the words for lengths of time.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import write_po

import rocketvpn_sdk
from rocketvpn_sdk import errors
from rocketvpn_sdk.policy import bundled_policy, wording
from rocketvpn_sdk.text import durations

PACKAGE = Path(rocketvpn_sdk.__file__).parent
FOLDER = PACKAGE / "locale"
PATH = FOLDER / "rocketvpn.pot"
KEYWORDS = {"translate": None, "marked": None, "_": None, "translate_number": (1, 2)}
_CHANGES_WITH_NOTHING_SAID = ('"POT-Creation-Date', '"Generated-By', '"Report-Msgid-Bugs-To', '"Project-Id-Version')
_HEADER = "# What rocketvpn_sdk says to people. Written by tests/support/catalogue.py."


def _tables() -> Iterator[tuple[str, str]]:
    """Yield (file, sentence) for what is looked up from tables."""
    for kind in vars(errors).values():
        if inspect.isclass(kind) and issubclass(kind, errors.RocketVPNError):
            file = f"errors/{kind.__module__.rpartition('.')[2]}.py"
            said = (kind.MESSAGE, kind.REMEDY, *kind.MESSAGES.values(), *kind.REMEDIES.values())
            yield from ((file, text) for text in said if text)
    for table in (wording._TRANSFORMS, wording._UNSPECIFIED, wording._TYPES):
        yield from (("policy/wording.py", text) for text in table.values())
    for unit in durations.UNITS:
        yield from (("text/durations.py", text) for text in (unit, f"{unit}s"))
    policy = bundled_policy()
    for name in (*policy.fields, *policy.purposes, *(part.id for part in policy.document.category)):
        yield "policy/rocketvpn.toml", name.replace("_", " ")


def catalogue() -> Catalog:
    """Return everything, in the order of the sentences."""
    with (FOLDER / "babel.cfg").open(encoding="utf-8") as file:
        mapping, options = parse_mapping_cfg(file)
    made = Catalog(project="rocketvpn_sdk", charset="utf-8", fuzzy=False, header_comment=_HEADER)
    for name, _, message, comments, context in extract_from_dir(PACKAGE, mapping, options, KEYWORDS):
        made.add(message, locations=[(name, 0)], auto_comments=comments, context=context)
    for name, sentence in _tables():
        made.add(sentence, locations=[(name, 0)])
    return made


def text() -> str:
    """Return what the file has to be; without dates and line numbers, which change with nothing said."""
    out = BytesIO()
    write_po(out, catalogue(), width=120, sort_output=True, omit_header=False, include_lineno=False)
    lines = out.getvalue().decode().splitlines()
    return "\n".join(line for line in lines if not line.startswith(_CHANGES_WITH_NOTHING_SAID)) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
