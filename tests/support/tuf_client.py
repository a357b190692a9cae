"""A command that drives ``TrustedFiles`` by the protocol of tuf-conformance, the public test suite of TUF clients.

    python tests/support/tuf_client.py [--any-name] --metadata-dir DIR ... init|refresh|download

It has the bounds of the package and, without ``--any-name``, its rules for names of files and roles. The suite serves
its repositories by plain HTTP on this machine: the package does not speak that, so the way to the server is in here.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import msgspec

from rocketvpn_sdk.errors import AnswerTooLarge, RocketVPNError, ServerError, ServerUnreachable
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.signed_files import TrustedFiles, beside, trust, workflow
from rocketvpn_sdk.signed_files.metadata import KeptMetadata

ANY = re.compile(r".+", re.DOTALL)


class Loopback:
    """Stands for ``Api.fetch``: plain HTTP to a server on this machine, for at most the bytes that are asked for."""

    def __init__(self, metadata: str, targets: str | None) -> None:
        self._bases = {"tuf.metadata": metadata, "tuf.target": targets}

    def fetch(self, operation: str, /, *, path: Mapping[str, str], at_most: int) -> bytes | None:
        base = self._bases[operation] or ""
        url = urlsplit(base if base.endswith("/") else f"{base}/")
        if url.scheme != "http" or not ip_address(url.hostname or "").is_loopback:
            raise ServerUnreachable(host=str(url.hostname), problem="only plain HTTP on this machine is spoken here")
        # A target path without a folder has no second part; what is not a segment (--any-name) goes as it is.
        name = "/".join(part for part in path.values() if part)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=10)
        try:
            connection.request("GET", url.path + quote(name, safe="/%"))
            answer = connection.getresponse()
            content = answer.read(at_most + 1)
        except OSError as error:
            raise ServerUnreachable(host=str(url.hostname), problem=str(error)) from None
        finally:
            connection.close()
        if answer.status in (403, 404):
            return None
        if answer.status != 200:
            raise ServerError(operation=operation, status=answer.status, problem="it failed")
        if len(content) > at_most:
            raise AnswerTooLarge(operation=operation, status=answer.status, problem="it is too large")
        return content


def main(arguments: list[str]) -> int:
    """Run one command of the protocol; return 0, or 1 where the SDK refused."""
    asked = _parsed(arguments)
    if asked.any_name:
        trust._PATH = workflow.ROLE_FILE = ANY
    place = Path(asked.metadata_dir)
    try:
        if asked.command == "init":
            _init(place, Path(asked.trusted_root))
        else:
            _fetch(place, asked)
    except RocketVPNError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 1
    return 0


def _init(place: Path, root: Path) -> None:
    (place / "state" / "vault").mkdir(mode=0o700, parents=True)
    shutil.copyfile(root, place / "state" / "root.json")
    shutil.copyfile(root, place / "root.json")


def _fetch(place: Path, asked: argparse.Namespace) -> None:
    state = place / "state"
    files = TrustedFiles(
        folder=beside(state / "vault"),
        trusted_root=(state / "root.json").read_bytes(),
        fetch=Loopback(asked.metadata_url, asked.target_base_url).fetch,
        now=time.time,
        limits=Limits(),
    )
    try:
        files.refresh()
        for name in asked.target_name or ():
            _write(Path(asked.target_dir) / quote(name, safe=""), files.read(name))
    finally:
        _show(place, beside(state / "vault") / "kept.json")


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def _show(place: Path, path: Path) -> None:
    """Write what the SDK trusts where the suite looks for it: each role without a version in its name."""
    if not path.exists():
        return
    kept = msgspec.json.decode(path.read_bytes(), type=KeptMetadata)
    roots = sorted(kept.roots, key=lambda name: json.loads(kept.roots[name])["signed"]["version"])
    newest = {"root.json": kept.roots[roots[-1]]} if roots else {}
    for name, content in {**kept.good, **kept.seen, **newest}.items():
        (place / quote(unquote(name), safe="")).write_bytes(content)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--any-name", action="store_true", help="without the SDK's rules for names")
    for option in ("--metadata-url", "--metadata-dir", "--target-dir", "--target-base-url"):
        parser.add_argument(option)
    parser.add_argument("--target-name", action="append")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("trusted_root")
    commands.add_parser("refresh")
    commands.add_parser("download")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
