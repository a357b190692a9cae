"""Releases at a sandbox, and a device with an app that is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from rocketvpn_sdk import RocketVPN, platforms
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.releases import NewRelease
from rocketvpn_sdk.updates import Release
from rocketvpn_sdk.vault.header import FORMAT
from rocketvpn_sdk.wire import ListedRelease
from support.world import World

CONTENT = bytes(range(256)) * 4000
"""A package of a megabyte."""
DAY_OF_RELEASE = date(2026, 11, 30)


def publish(sandbox: Sandbox, version: str, content: bytes = CONTENT, **more: Any) -> ListedRelease:
    """Publish a release for the system that this test runs on."""
    package = sandbox.folder / f"app-{version}.bin"
    package.write_bytes(content)
    values: dict[str, Any] = {
        "package": package,
        "platform": platforms.kind(),
        "vault_format": FORMAT,
        "published": DAY_OF_RELEASE,
    }
    return sandbox.releases.publish(NewRelease(version=version, **(values | more)))


@contextmanager
def installed(world: World, version: str = "1.0", **changes: Any) -> Iterator[RocketVPN]:
    """Open the SDK in an app of ``version``."""
    with RocketVPN.open(world.config(app_version=version, **changes)) as rocket:
        yield rocket


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    """Write ``files`` below ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def made_up() -> Release:
    """Return a release that nobody signed."""
    return Release(
        version="9.9",
        channel="stable",
        platform=platforms.kind(),
        published=DAY_OF_RELEASE,
        name="app.bin",
        length=1,
        sha256="0" * 64,
        vault_format=FORMAT,
        notes="",
    )
