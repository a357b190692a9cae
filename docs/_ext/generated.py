"""Parts of pages that are read from the code itself: ``error-list``, ``exit-codes`` and ``command-list``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_id

from rocketvpn_sdk import errors
from rocketvpn_sdk.cli import app as command_line
from rocketvpn_sdk.cli import codes


def _kinds() -> list[type[errors.RocketVPNError]]:
    """Return every error class of the SDK, in the order in which they are written."""
    found = [
        kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.RocketVPNError)
    ]
    drawn = re.findall(r"\w+", errors.__doc__ or "")  # in the order of the tree
    return sorted(found, key=lambda kind: drawn.index(kind.__name__))


def _placeholders(text: str) -> str:
    """Show ``{name!r}`` and ``{seconds:g}`` as a reader sees them: a name in angle brackets."""
    return re.sub(r"{(\w+)[^}]*}", r"<\1>", text)


class ErrorList(SphinxDirective):
    """Write one section for each error."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        self.env.note_dependency(errors.__file__)
        return [self._section(kind) for kind in _kinds()]

    def _section(self, kind: type[errors.RocketVPNError]) -> nodes.section:
        title = f"{kind.__name__}"
        section = nodes.section(ids=[make_id(self.env, self.state.document, "", kind.code)])
        section += nodes.title(title, title)
        rows: list[tuple[str, nodes.Node]] = [("Code", nodes.literal(text=kind.code))]
        parent = kind.__base__
        if parent is not None and issubclass(parent, errors.RocketVPNError):
            rows.append(("Is a", nodes.literal(text=parent.__name__)))
        said = (
            ("Message", kind.MESSAGE, "MESSAGES"),
            ("Remedy", kind.REMEDY, "REMEDIES"),
            ("Hint", kind.HINT, "HINTS"),
        )
        for label, text, by_cause in said:
            own = vars(kind).get(by_cause, {})
            rows.append((label, nodes.Text(_placeholders(text) or "—")))
            rows += [(f"… if cause is {cause}", nodes.Text(_placeholders(other))) for cause, other in own.items()]
        fields = nodes.field_list()
        for name, value in rows:
            body = nodes.field_body()
            body += nodes.paragraph("", "", value)
            fields += nodes.field("", nodes.field_name(text=name), body)
        section += nodes.paragraph(text=inspect.getdoc(kind).partition("\n")[0].replace("``", ""))
        section += fields
        return section


class ExitCodes(SphinxDirective):
    """Write the exit codes of the command line."""

    def run(self) -> list[nodes.Node]:
        """Return a list of definitions."""
        listed = nodes.definition_list()
        for code, meaning in codes.MEANINGS.items():
            term = nodes.term("", "", nodes.literal(text=str(code)))
            listed += nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph(text=meaning)))
        return [listed]


class CommandList(SphinxDirective):
    """Write one section for each command: its own help."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [self._section(words) for words in _commands()]

    def _section(self, words: tuple[str, ...]) -> nodes.section:
        title = " ".join(("rocketvpn", *words))
        section = nodes.section(ids=[make_id(self.env, self.state.document, "", "-".join(words))])
        section += nodes.title("", "", nodes.literal(text=title))
        out = StringIO()
        with redirect_stdout(out):
            command_line.run([*words, "--help"])
        help_text = nodes.literal_block(text=out.getvalue().strip())
        help_text["language"] = "text"
        section += help_text
        return section


def _commands() -> Iterator[tuple[str, ...]]:
    """Yield every command, as the words that people type."""
    from typer.main import get_command

    for name, command in get_command(command_line._app([])).commands.items():  # noqa: SLF001 - the same project
        inner = getattr(command, "commands", None)
        if not inner or getattr(command, "invoke_without_command", False):
            yield (name,)
        yield from ((name, word) for word in inner or ())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("error-list", ErrorList)
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("command-list", CommandList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
