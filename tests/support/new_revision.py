"""Writes the migration from the newest revision to what ``sandbox/tables.py`` says now; read it before it is committed.

``python tests/support/new_revision.py "Orders have a recovery code"``: makes ``migrations/versions/0003_….py``. Nothing
is downgraded: an operator goes back by a backup. Data that a change needs is moved by hand, in the new file; a column
that may not be empty needs a ``server_default`` there, for the rows that are there already.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # it is run as a script

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from rocketvpn_sdk.sandbox import schema, tables
from support.postgresql import Cluster

_FILE = '''"""{message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    """Change the tables of the revision before."""
    {changes}
'''


def changes() -> str:
    """Return the statements that lead from the migrations to ``tables.py``."""
    with Cluster() as cluster:
        engine = create_engine(cluster.database("revision"))
        with engine.begin() as db:
            db.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            schema.upgrade(db, "base")
            context = MigrationContext.configure(db, opts={"compare_type": True})
            found = produce_migrations(context, tables.metadata)
            rendered = render_python_code(found.upgrade_ops or [], migration_context=context)  # type: ignore[arg-type]  # there are some
        engine.dispose()
    return re.sub(r"^ *# ### .*\n?", "", rendered, flags=re.MULTILINE).strip()


def main() -> None:
    (message,) = sys.argv[1:]
    number = f"{int(schema.NEWEST) + 1:04d}"
    name = re.sub(r"\W+", "_", message.lower()).strip("_")[:40]
    path = schema.MIGRATIONS / "versions" / f"{number}_{name}.py"
    made = _FILE.format(message=message, number=number, before=schema.NEWEST, changes=changes())
    path.write_text(made, "utf-8")
    source = Path(schema.__file__)
    source.write_text(re.sub(r'^NEWEST = ".*"', f'NEWEST = "{number}"', source.read_text("utf-8"), flags=re.MULTILINE))
    subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet", "--fix", path], check=False)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", path], check=True)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
