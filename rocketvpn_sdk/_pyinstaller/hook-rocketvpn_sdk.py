"""The data files that belong into a frozen app. Modules need no help: an import statement names each.

But for the migrations of the sandbox's database, which Alembic reads as files.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]

datas = [
    (str(file), str(file.parent.relative_to(_PACKAGE.parent)))
    for file in _PACKAGE.rglob("*")
    if file.suffix in (".css", ".html", ".json", ".mo")
    or (file.suffix == ".py" and file.is_relative_to(_PACKAGE / "sandbox" / "migrations"))
]
