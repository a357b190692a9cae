"""Freeze the example and the command line, and let both run where neither this project nor its packages can be found.

    python tests/frozen/run.py pyinstaller      a minute and a half on two cores
    python tests/frozen/run.py nuitka           half an hour or more; needs gcc, patchelf and Python's headers

Needs a keyring: tests/support/run_secret_service.sh starts one. `make frozen` is this, too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from drive import check

ROOT = Path(__file__).parents[2]
LAUNCHER = "from rocketvpn_sdk.cli import main\n\nmain()\n"
"""The command line as a script, as docs/freezing.md has it."""


def pyinstaller(script: Path, into: Path, python: Path) -> list[str]:
    """Return the command as anybody would type it; the other options only say where its files go."""
    places = ["--distpath", str(into), "--workpath", str(into / "work"), "--specpath", str(into / "work")]
    return [str(python.with_name("pyinstaller")), "--noconfirm", "--log-level", "WARN", *places, str(script)]


def nuitka(script: Path, into: Path, python: Path) -> list[str]:
    """Return the command that docs/freezing.md has, but only the SDK and the script are compiled: in half an hour."""
    places = [f"--output-dir={into}", "--assume-yes-for-downloads", "--jobs=1", "--quiet"]
    (packages,) = python.parents[1].glob("lib/python3*/site-packages")
    foreign = [
        f"--noinclude-custom-mode={folder.name}:bytecode"
        for folder in packages.iterdir()
        if folder.is_dir() and folder.name.isidentifier() and folder.name not in ("rocketvpn_sdk", "nuitka")
    ]
    data = "--include-package-data=rocketvpn_sdk"
    return [str(python), "-m", "nuitka", "--standalone", data, *foreign, *places, str(script)]


TOOLS: dict[str, tuple[Callable[[Path, Path, Path], list[str]], str, float]] = {
    "pyinstaller": (pyinstaller, "{name}/{name}", 900),
    "nuitka": (nuitka, "{name}.dist/{name}.bin", 3 * 3600),
}
"""The command that freezes a script, where its program is then, and seconds after which it is given up."""


def run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} ended with {done.returncode}")


def install(tool: str, work: Path) -> Path:
    """Make the wheel, install it with its extras into an environment of its own, and return that one's Python."""
    run(sys.executable, "-m", "venv", work / "env")
    python = work / "env" / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", work / "wheel", ROOT)
    (wheel,) = (work / "wheel").glob("*.whl")
    run(*pip, "install", f"{wheel}[age,cli,sandbox]", tool)
    print(f"The wheel has {wheel.stat().st_size / 1e6:.1f} MB.", flush=True)
    return python


def freeze(tool: str, work: Path, python: Path) -> dict[str, Path]:
    """Freeze both at the same time, and return their programs."""
    scripts = [work / "embed.py", work / "rocketvpn.py"]
    shutil.copy(ROOT / "examples" / "embed.py", scripts[0])
    scripts[1].write_text(LAUNCHER, "utf-8")
    command, program, patience = TOOLS[tool]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    running = {
        script: subprocess.Popen(command(script, work / "frozen" / script.stem, python), cwd=work, env=environment)
        for script in scripts
    }
    try:
        failed = [script.name for script, process in running.items() if process.wait(patience)]
    finally:
        for process in running.values():
            process.kill()  # where one of them took too long
            process.wait()
    if failed:
        sys.exit(f"{tool} failed for {', '.join(failed)}")
    return {script.stem: work / "frozen" / script.stem / program.format(name=script.stem) for script in scripts}


def move(programs: dict[str, Path], work: Path) -> dict[str, Path]:
    """Move the frozen folders elsewhere and remove all else, so that nothing can be found by accident."""
    moved = {}
    for name, program in programs.items():
        place = shutil.move(program.parent, work / "apps" / name)
        size = sum(file.lstat().st_size for file in place.rglob("*") if file.is_file() and not file.is_symlink())
        print(f"The frozen {name} has {size / 1e6:.0f} MB.", flush=True)
        moved[name] = place / program.name
    for left in ("env", "wheel", "frozen", "embed.py", "rocketvpn.py"):
        path = work / left
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return moved


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", choices=TOOLS)
    tool = parser.parse_args().tool
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rocketvpn-frozen-") as folder:
        work = Path(folder)
        (work / "apps").mkdir()
        programs = freeze(tool, work, install(tool, work))
        print(f"Frozen with {tool} after {time.monotonic() - began:.0f} s.", flush=True)
        check(**move(programs, work), work=work)
    print(f"Both frozen programs did all of it; {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
