"""Everything the SDK raises, in one tree.

Touches: nothing. Start with ``base``.

::

    RocketVPNError
    ├── AdministratorNeeded         other users' data are out of reach
    ├── ConfigurationError          what the app passed in cannot work
    │   ├── PolicyInvalid           the policy document, with the line
    │   ├── EventUndeclared         an event class or its field is not in the policy
    │   └── OperationUndeclared     a call the policy does not know
    ├── CallbackFailed              a function that the app passed in failed
    ├── CallCancelled               the app cancelled the call
    ├── PolicyOutdated              an older version of the policy than the one known here
    ├── NotAllowed                  a rule of the policy says no
    │   ├── EgressBlocked           … to something leaving the device
    │   ├── NotCorrectable          … to a correction
    │   ├── NotCancellable          … to cancelling a request
    │   ├── AgeSettled              … to taking back that one is under age
    │   ├── ConsentError            … to a consent
    │   │   ├── AgeUnknown, GuardianNeeded
    │   │   └── ConsentNotNeeded, PurposeUnused, NoticeUnknown, NoticeOutdated
    │   └── GuardianError           … to a guardian's agreement; ``cause`` says why
    ├── ValueRefused                a value that the call cannot take
    │   ├── TermUnknown             … a term that the policy does not have
    │   └── PurposeUnknown          … a purpose that nobody can agree to
    ├── VaultError                  what rests on the device
    │   ├── VaultLocked, VaultClosed, VaultBusy, VaultFull, VaultReadOnly
    │   ├── VaultUnsafe, VaultDamaged, VaultOutdated, VaultTooNew
    │   └── SecretStoreError
    │       ├── SecretStoreUnavailable, SecretStoreLocked, SecretMissing, SecretCorrupt
    │       └── MadeWithPassphrase, MadeWithoutPassphrase
    ├── BindingError                order number ↔ device
    │   ├── NotBound, AlreadyBound, DeletionPending
    │   └── OrderNotFound, OrderExpired, DeviceLimitReached, DeviceExists, DeviceRevoked
    ├── AuthenticationError
    │   ├── AuthenticationRequired
    │   │   ├── AuthenticationCancelled  … and the user entered none
    │   │   └── AuthenticatorFailed  … and the app could not ask the user
    │   └── AuthenticationFailed, BrowserRequired
    ├── TransportError              between here and the server
    │   ├── ServerUnreachable, ServerTimeout
    │   └── CertificateUntrusted, PinMismatch
    ├── ServerError                 the answer makes no sense, or the server failed
    │   └── AnswerTooLarge          … or has no end
    ├── RequestRefused              the server understood and said no
    │   └── Conflict, IdempotencyKeyReused, RateLimited, TicketRefused
    ├── UpdateError                 the operator's signed files
    │   ├── UpdateRefused           … where what came cannot be trusted
    │   ├── UpdateBusy              … where another process is fetching them
    │   ├── ReleaseRefused          … a release that may not be downloaded
    │   ├── DownloadFailed          … a download; ``cause`` says why
    │   ├── DownloadCancelled       … that the user ended
    │   └── NotGenuine              … installed files that were not signed
    ├── ExportFailed                the file to take along could not be written
    ├── InstallationIncomplete      a file of the SDK's own is missing
    └── ReceiptInvalid              a receipt that proves nothing

Each has a ``code`` (stable, for programs) and ``params`` (typed values, never a secret or a personal value). For the
user: ``message`` (what happened) and ``remedy`` (what to do), which ``str(error)`` puts together. For the developer:
``hint``, which stands in tracebacks. ``retry_at`` (seconds since the epoch) is when another try may help.
If an error can have several causes, ``cause`` names the one that it had.
"""

from rocketvpn_sdk.errors.account import (
    AlreadyBound,
    AuthenticationCancelled,
    AuthenticationError,
    AuthenticationFailed,
    AuthenticationRequired,
    AuthenticatorFailed,
    BindingError,
    BrowserRequired,
    DeletionPending,
    DeviceExists,
    DeviceLimitReached,
    DeviceRevoked,
    NotBound,
    OrderExpired,
    OrderNotFound,
)
from rocketvpn_sdk.errors.base import (
    RocketVPNError,
)
from rocketvpn_sdk.errors.configuration import (
    AdministratorNeeded,
    CallbackFailed,
    CallCancelled,
    ConfigurationError,
    EventUndeclared,
    OperationUndeclared,
    PolicyInvalid,
    PolicyOutdated,
)
from rocketvpn_sdk.errors.files import (
    DownloadCancelled,
    DownloadFailed,
    ExportFailed,
    InstallationIncomplete,
    NotGenuine,
    ReceiptInvalid,
    ReleaseRefused,
    UpdateBusy,
    UpdateError,
    UpdateRefused,
)
from rocketvpn_sdk.errors.network import (
    AnswerTooLarge,
    CertificateUntrusted,
    Conflict,
    IdempotencyKeyReused,
    PinMismatch,
    RateLimited,
    RequestRefused,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
    TicketRefused,
    TransportError,
)
from rocketvpn_sdk.errors.rules import (
    AgeSettled,
    AgeUnknown,
    ConsentError,
    ConsentNotNeeded,
    EgressBlocked,
    GuardianError,
    GuardianNeeded,
    NotAllowed,
    NotCancellable,
    NotCorrectable,
    NoticeOutdated,
    NoticeUnknown,
    PurposeUnknown,
    PurposeUnused,
    TermUnknown,
    ValueRefused,
)
from rocketvpn_sdk.errors.storage import (
    MadeWithoutPassphrase,
    MadeWithPassphrase,
    SecretCorrupt,
    SecretMissing,
    SecretStoreError,
    SecretStoreLocked,
    SecretStoreUnavailable,
    VaultBusy,
    VaultClosed,
    VaultDamaged,
    VaultError,
    VaultFull,
    VaultLocked,
    VaultOutdated,
    VaultReadOnly,
    VaultTooNew,
    VaultUnsafe,
)

__all__ = [
    "AdministratorNeeded",
    "AgeSettled",
    "AgeUnknown",
    "AlreadyBound",
    "AnswerTooLarge",
    "AuthenticationCancelled",
    "AuthenticationError",
    "AuthenticationFailed",
    "AuthenticationRequired",
    "AuthenticatorFailed",
    "BindingError",
    "BrowserRequired",
    "CallCancelled",
    "CallbackFailed",
    "CertificateUntrusted",
    "ConfigurationError",
    "Conflict",
    "ConsentError",
    "ConsentNotNeeded",
    "DeletionPending",
    "DeviceExists",
    "DeviceLimitReached",
    "DeviceRevoked",
    "DownloadCancelled",
    "DownloadFailed",
    "EgressBlocked",
    "EventUndeclared",
    "ExportFailed",
    "GuardianError",
    "GuardianNeeded",
    "IdempotencyKeyReused",
    "InstallationIncomplete",
    "MadeWithPassphrase",
    "MadeWithoutPassphrase",
    "NotAllowed",
    "NotBound",
    "NotCancellable",
    "NotCorrectable",
    "NotGenuine",
    "NoticeOutdated",
    "NoticeUnknown",
    "OperationUndeclared",
    "OrderExpired",
    "OrderNotFound",
    "PinMismatch",
    "PolicyInvalid",
    "PolicyOutdated",
    "PurposeUnknown",
    "PurposeUnused",
    "RateLimited",
    "ReceiptInvalid",
    "ReleaseRefused",
    "RequestRefused",
    "RocketVPNError",
    "SecretCorrupt",
    "SecretMissing",
    "SecretStoreError",
    "SecretStoreLocked",
    "SecretStoreUnavailable",
    "ServerError",
    "ServerTimeout",
    "ServerUnreachable",
    "TermUnknown",
    "TicketRefused",
    "TransportError",
    "UpdateBusy",
    "UpdateError",
    "UpdateRefused",
    "ValueRefused",
    "VaultBusy",
    "VaultClosed",
    "VaultDamaged",
    "VaultError",
    "VaultFull",
    "VaultLocked",
    "VaultOutdated",
    "VaultReadOnly",
    "VaultTooNew",
    "VaultUnsafe",
]
