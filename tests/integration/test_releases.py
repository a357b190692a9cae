"""``rocket.updates`` against the sandbox: what is offered, downloaded and certified (U4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.releases import CONTENT, installed, ledger, publish, tree
from support.world import World

from rocketvpn_sdk.errors import ConfigurationError, NotGenuine, ReleaseRefused, ServerUnreachable, UpdateRefused
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = [pytest.mark.clause("U4"), pytest.mark.usefixtures("no_pauses")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_sandbox(tmp_path / "server") as sandbox:
        yield World(sandbox, tmp_path / "vault")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


def test_a_release_is_found_downloaded_and_certified(world: World, folder: Path, tmp_path: Path) -> None:
    app = tree(tmp_path / "app", {"app.bin": b"the app", "lib/one.so": b"one"})
    publish(world.sandbox, "1.1", installed=app)
    with installed(world) as rocket:
        found = rocket.updates.check()
        assert found.release is not None
        assert (found.release.version, found.required, found.staged) == ("1.1", False, False)
        steps: list[tuple[int, int]] = []
        file = rocket.updates.download(found.release, folder, lambda *step: steps.append(step))
        assert file == folder / "app-1.1.bin"
        assert file.read_bytes() == CONTENT
        assert steps[0] == (0, len(CONTENT))
        assert steps[-1] == (len(CONTENT), len(CONTENT))
        assert [path.name for path in folder.iterdir()] == ["app-1.1.bin"]
        assert rocket.updates.certify(file).version == "1.1"
        asked = len(world.sandbox.requests)
        assert rocket.updates.download(found.release, folder) == file
        assert len(world.sandbox.requests) == asked, "what is there is not fetched again"
    with installed(world, "1.1") as rocket:
        assert rocket.updates.check().release is None
        assert rocket.updates.certify(app).files == 2
