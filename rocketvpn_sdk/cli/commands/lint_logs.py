"""``lint-logs``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

from rocketvpn_sdk.cli import codes, files, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.journal.lines.lint import LogCall, lint, written
from rocketvpn_sdk.journal.lines.modules import TEXTS_MODULE, Written

_HEAD = '''"""The texts of this app's log lines, for where it is compiled: written by `rocketvpn lint-logs --write`."""

'''
_LARGEST = 4 << 20


@help_text(
    """List log calls whose text is made of values, and how to write them.

    PACKAGE is a folder, a file or the name of an importable package; nothing of it is run. With --write it also
    writes _log_texts.py there, which a compiled app needs: a compiled module shows no constants.
    """
)
def lint_logs(
    context: CommandContext,
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="Its folder, file or name.")],
    write: Annotated[bool, typer.Option("--write", help="Write the list of texts.")] = False,
) -> CommandResult:
    del context
    place = _place(package)
    sources = _sources(place)
    found = {path: lint(source) for path, (_, source) in sources.items()}
    target = (place if place.is_dir() else place.parent) / f"{TEXTS_MODULE}.py"
    texts = {name: written(source, str(path)) for path, (name, source) in sources.items()}
    if write:
        files.write(target, _module(texts), name="--write", overwrite=True)
        target.chmod(0o644)  # source code, as what is beside it
    document = {
        "files": len(sources),
        "findings": [
            {"file": str(path), "line": each.line, "what": each.what, "rewrite": each.rewrite}
            for path, findings in found.items()
            for each in findings
        ],
        "texts": sum(len(each.strings) for each in texts.values()),
        "written": str(target) if write else None,
    }
    # Where the list was asked for, it was made; a build does not stop for lines that are scrubbed instead.
    code = codes.REFUSED if document["findings"] and not write else codes.DONE
    return CommandResult(document, lambda out: _show(out, found, target if write else None), code)


def _place(package: str) -> Path:
    path = Path(package)
    if path.exists():
        return path.resolve()
    sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    finally:
        sys.path.pop(0)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise CommandError(f"There is no package, folder or file {package!r} with Python code.", exit_code=codes.USAGE)
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _sources(place: Path) -> dict[Path, tuple[str, str]]:
    """Return each file with its module's name and source."""
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    found: dict[Path, tuple[str, str]] = {}
    for path in paths:
        if path.name == f"{TEXTS_MODULE}.py" or path.stat().st_size > _LARGEST:
            continue
        try:
            source = path.read_text("utf-8")
            compile(source, str(path), "exec", dont_inherit=True)
        except (OSError, SyntaxError, ValueError) as error:
            raise CommandError(f"{path} cannot be read as Python ({type(error).__name__}).") from None
        found[path] = (_name(place, path), source)
    return found


def _name(place: Path, path: Path) -> str:
    """Return the name under which the app imports the file."""
    if not place.is_dir():
        return "__main__"
    parts = path.relative_to(place.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _module(texts: dict[str, Written]) -> bytes:
    lines = [_HEAD]
    for title, values in (
        ("TEXTS", {name: sorted(each.strings) for name, each in texts.items()}),
        ("NAMES", {name: sorted(each.names) for name, each in texts.items()}),
    ):
        lines.append(f"{title}: dict[str, tuple[str, ...]] = {{\n")
        for name, words_ in values.items():
            lines.append(f"    {name!r}: (\n" + "".join(f"        {word!r},\n" for word in words_) + "    ),\n")
        lines.append("}\n")
    return "".join(lines).encode("utf-8")


def _show(out: Out, found: dict[Path, tuple[LogCall, ...]], target: Path | None) -> None:
    number = 0
    for path, findings in found.items():
        for each in findings:
            number += 1
            out.say(f"{path}:{each.line}: {each.what}")
            out.say(each.rewrite or "write its text as a constant, and its values as arguments", indent=4, hanging=4)
    if number:
        out.say()
        out.say(
            f"The text of {words.counted(number, 'log call')} in {words.counted(len(found), 'file')} is made of values."
        )
        out.say("Where its values begin can only be guessed: write them as arguments.")
    else:
        out.say(f"No such log call in {words.counted(len(found), 'file')}.")
    if target:
        out.say(f"Written to {target}.")
