"""Build what a release consists of, and prove that anybody can build the same: ``make release`` (docs/releasing.md).

``release.py [--tag TAG]`` writes ``dist/packages`` (the wheel and the source archive) and ``dist/papers`` (their
checksums, the list of what an installed package consists of, and the notes). Only what is committed counts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SURROUNDINGS: tuple[tuple[str, int, dict[str, str], int], ...] = (
    ("first", 0o022, {"TZ": "UTC", "LC_ALL": "C.UTF-8"}, 1_000_000_000),
    ("second/with a longer name", 0o077, {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "7"}, 1_700_000_001),
)
"""Two ways of building: the folder, the umask, the environment, the files' time in seconds since the epoch."""


class Unfit(Exception):
    """This commit cannot be released; the text says why."""


def version_in(text: str) -> str:
    """Return the version that the text of ``_version.py`` names."""
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise Unfit("rocketvpn_sdk/_version.py names no version.")
    return found[1]


def notes_of(changelog: str, version: str) -> str:
    """Return what ``changelog`` says of ``version``, without its heading.

    Raises:
        Unfit: it has no dated heading for that version: ``## [0.1.0] - 2026-01-31``.
    """
    heading = re.compile(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", re.MULTILINE)
    found = heading.search(changelog)
    if found is None:
        raise Unfit(f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD`.")
    return re.split(r"^## ", changelog[found.end() :], maxsplit=1, flags=re.MULTILINE)[0].strip() + "\n"


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in ``folder``, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def require_same(first: Mapping[str, str], second: Mapping[str, str]) -> None:
    """Compare the checksums of two builds.

    Raises:
        Unfit: they differ; the text names the files.
    """
    differing = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
    if differing:
        raise Unfit(f"Two builds of the same commit differ: {', '.join(differing)}.")


def git(*arguments: str) -> str:
    """Return what git prints about this repository."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def build(work: Path, name: str, umask: int, environment: Mapping[str, str], modified: int) -> Path:
    """Build the committed files in a folder below ``work``; return the folder of the packages."""
    source, built = work / name / "source", work / name / "built"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "--extract", "--directory", str(source)], check=True, input=archive, umask=umask)
    for path in source.rglob("*"):
        os.utime(path, (modified, modified))
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(built), str(source)],
        check=True,
        stdout=subprocess.DEVNULL,
        umask=umask,
        env={**os.environ, **environment, "SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct")},
    )
    return built


def list_components(work: Path, wheel: Path, target: Path) -> None:
    """Install ``wheel`` into an environment of its own, and write what is then there as CycloneDX to ``target``."""
    home = work / "installed"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", str(wheel)], check=True)
    for record in home.rglob("direct_url.json"):
        record.unlink()  # it names the folder of this build
    tool = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--mc-type", "library"]
    project = ["--pyproject", str(ROOT / "pyproject.toml")]
    subprocess.run([*tool, *project, "--output-file", str(target), str(python)], check=True)


def release(tag: str | None) -> None:
    """Write ``dist/packages`` and ``dist/papers``.

    Args:
        tag: what the commit is released as; ``None``: it is only tried, and needs no dated heading in the changelog.

    Raises:
        Unfit: this commit cannot be released.
    """
    version = version_in(git("show", "HEAD:rocketvpn_sdk/_version.py"))
    notes = None
    if tag is not None:
        if tag != f"v{version}":
            raise Unfit(f"The tag is {tag}, and the version {version}: name it v{version}.")
        notes = notes_of(git("show", "HEAD:CHANGELOG.md"), version)
    packages, papers = ROOT / "dist" / "packages", ROOT / "dist" / "papers"
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    papers.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        first, second = (build(work, *surroundings) for surroundings in SURROUNDINGS)
        require_same(checksums(first), checksums(second))
        shutil.copytree(first, packages)
        (wheel,) = packages.glob("*.whl")
        list_components(work, wheel, papers / f"rocketvpn_sdk-{version}.cdx.json")
    sums = checksums(packages)
    (papers / "SHA256SUMS").write_text("".join(f"{sums[name]}  {name}\n" for name in sums), "utf-8")
    if notes is not None:
        (papers / "notes.md").write_text(notes, "utf-8")
    sys.stdout.write(f"Two builds of {version} are the same, byte for byte:\n")
    sys.stdout.write("".join(f"  {sums[name]}  {name}\n" for name in sums))


def main() -> int:
    parser = argparse.ArgumentParser(description="Build a release twice, and compare.")
    parser.add_argument("--tag", help="the tag that the release gets, such as v0.1.0")
    try:
        release(parser.parse_args().tag)
    except Unfit as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
