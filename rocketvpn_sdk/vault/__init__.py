"""What rests on this device: sealed, minimal, and gone when it is deleted.

Touches: disk, keyring. Start with ``vault``.
"""

from rocketvpn_sdk.vault.ending import Removal
from rocketvpn_sdk.vault.passphrase import PassphraseSecrets
from rocketvpn_sdk.vault.queue import Queue, QueueItem
from rocketvpn_sdk.vault.sealed_log import SealedLog
from rocketvpn_sdk.vault.secrets import KeyringSecrets, SecretStore
from rocketvpn_sdk.vault.vault import Vault, VaultStatus

__all__ = [
    "KeyringSecrets",
    "PassphraseSecrets",
    "Queue",
    "QueueItem",
    "Removal",
    "SealedLog",
    "SecretStore",
    "Vault",
    "VaultStatus",
]
