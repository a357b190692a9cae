"""A running sandbox for the tests of an app that embeds the SDK (extra ``sandbox``).

::

    @pytest.fixture
    def sandbox(tmp_path):
        with running_sandbox(tmp_path / "sandbox") as sandbox:
            yield sandbox
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox import Front, Sandbox


@contextmanager
def running_sandbox(
    folder: Path,
    *,
    port: int = 0,
    database_url: str | None = None,
    clock: Clock | None = None,
    policy: Policy | None = None,
    front: Front | None = None,
) -> Iterator[Sandbox]:
    """Serve a sandbox in ``folder`` while the block runs; all arguments are those of ``Sandbox``."""
    with Sandbox(folder, port=port, database_url=database_url, clock=clock, policy=policy, front=front) as sandbox:
        yield sandbox
