"""Which versions hold, where several processes of one vault take them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.policies import NEWEST, renumbered, sharing_text
from support.vaults import open_vault

from rocketvpn_sdk.policy import bundled_policy, parse_policy
from rocketvpn_sdk.policy_versions import Versions
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.vault import Vault


@pytest.mark.clause("X1", "X2")
def test_a_version_that_comes_while_another_process_looks_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text takes the place of the older one's, of which that process has just read that it holds."""
    secrets = MemorySecrets()
    with (
        closing(open_vault(tmp_path / "vault", secrets)) as here,
        closing(open_vault(tmp_path / "vault", secrets)) as there,
    ):
        mine, others = Versions(here, bundled_policy()), Versions(there, bundled_policy())
        mine.unlocked()
        others.offer(parse_policy(renumbered(NEWEST + 1, sharing_text())))
        coming, get = [parse_policy(renumbered(NEWEST + 2, sharing_text()))], Vault.get

        def overtaken(vault: Vault, name: str, kind: Any) -> Any:
            found = get(vault, name, kind)
            if vault is here and coming:
                others.offer(coming.pop())
            return found

        monkeypatch.setattr(Vault, "get", overtaken)
        assert mine.in_force().newest.version == NEWEST + 2
        assert [held.sha256 for held in mine.in_force().policies] == [
            held.sha256 for held in others.in_force().policies
        ]
