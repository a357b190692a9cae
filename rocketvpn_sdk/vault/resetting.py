"""Removing a vault, whatever state it is in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.errors import VaultDamaged, VaultTooNew
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.vault import folder as folders
from rocketvpn_sdk.vault.ending import Removal, abandon
from rocketvpn_sdk.vault.passphrase import file_names, wrong_kind
from rocketvpn_sdk.vault.secrets import CheckedSecrets, SecretStore
from rocketvpn_sdk.vault.vault import Vault


def reset_vault(
    folder: Path, secrets: SecretStore, clock: Clock, limits: Limits, also: Callable[[], object] = lambda: None
) -> Removal:
    """Remove the vault in ``folder``, whatever state it is in; needs no unlock. Where there is none, nothing is done.

    ``also`` removes what else there is, once it is certain that the vault may go; it may be called twice.

    Raises:
        MadeWithPassphrase, MadeWithoutPassphrase: its key is in another kind of store; nothing was removed.
        SecretStoreError: the secret store cannot be used now; calling it again goes on.
        VaultError: the folder or a file in it cannot be used or removed; see the subclass.
    """
    if not folders.holds_vault(folder, file_names(folder, secrets)):
        return Removal()
    folders.check(folder)
    folders.require_ours(folder)
    try:
        with closing(Vault(folder, secrets, clock, limits)) as vault:
            removal = vault.destroy(resetting=also)
    except (VaultDamaged, VaultTooNew):
        own = CheckedSecrets(secrets).beside(folder)
        if other := wrong_kind(folder, own, None, cause="reset"):
            raise other from None
        also()
        removal = abandon(folder, own)
        folders.remove(folder)
    keeper = CheckedSecrets(secrets).keeper()
    return msgspec.structs.replace(removal, keeps_deleted=keeper)
