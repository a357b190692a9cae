"""Everything the SDK raises, in one tree.

::

    RocketVPNError
    ├── ConfigurationError          what the app passed in cannot work
    │   ├── PolicyInvalid           the policy document, with the line
    │   ├── EventUndeclared         an event class or its field is not in the policy
    │   └── OperationUndeclared     a call the policy does not know
    ├── PolicyOutdated              an older version of the policy than the one known here
    ├── NotAllowed                  a rule of the policy says no
    │   ├── EgressBlocked           … to something leaving the device
    │   ├── NotCorrectable          … to a correction
    │   ├── NotCancellable          … to cancelling a request
    │   ├── AgeSettled              … to taking back that one is under age
    │   ├── ConsentError            … to a consent
    │   │   ├── AgeUnknown, GuardianNeeded
    │   │   └── ConsentNotNeeded, NoticeUnknown, NoticeOutdated
    │   └── GuardianError           … to a guardian's agreement
    │       ├── GuardianNotAsked, GuardianCodeWrong, GuardianCodeExpired, GuardianCodeUsed
    │       └── GuardianTriesSpent, GuardianOtherPolicy
    ├── ValueRefused                a value that the call cannot take
    │   ├── TermUnknown             … a term that the policy does not have
    │   └── PurposeUnknown          … a purpose that nobody can agree to
    ├── VaultError                  what rests on the device
    │   ├── VaultLocked, VaultClosed, VaultBusy, VaultFull, VaultReadOnly
    │   ├── VaultUnsafe, VaultDamaged, VaultOutdated, VaultTooNew
    │   └── SecretStoreError
    │       ├── SecretStoreUnavailable, SecretStoreLocked, SecretMissing, SecretCorrupt
    ├── BindingError                order number ↔ device
    │   ├── NotBound, AlreadyBound, DeletionPending
    │   └── OrderNotFound, OrderExpired, DeviceLimitReached, DeviceRevoked
    ├── AuthenticationError
    │   └── AuthenticationRequired, AuthenticationFailed, BrowserRequired
    ├── TransportError              between here and the server
    │   ├── ServerUnreachable, ServerTimeout
    │   └── CertificateUntrusted, PinMismatch
    ├── ServerError                 the answer makes no sense, or the server failed
    │   └── AnswerTooLarge          … or has no end
    ├── RequestRefused              the server understood and said no
    │   └── Conflict, RateLimited, TicketRefused
    ├── UpdateError                 the operator's signed files
    │   ├── UpdateRefused           … where what came cannot be trusted
    │   └── UpdateBusy              … where another process is fetching them
    ├── ExportFailed                the file to take along could not be written
    └── ReceiptInvalid              a receipt that proves nothing

Each has a ``code`` (stable, for programs), ``params`` (typed values, never a secret or a personal value), a sentence
(``str(error)``), an ``action`` (what to do) and ``retry_at`` (seconds since the epoch, where waiting helps). What goes
wrong between here and the server also has a ``cause``: whose fault it may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rocketvpn_sdk.messages import translate
from rocketvpn_sdk.wire import Device, ProblemItem


class RocketVPNError(Exception):
    """The base of every error of this SDK."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "Something went wrong."
    remedy: ClassVar[str] = ""
    remedies: ClassVar[Mapping[str, str]] = {}
    """What to do instead, by ``cause``."""

    def __init__(self, *, retry_at: float | None = None, **params: Any) -> None:
        self.params = params
        self.retry_at = retry_at
        super().__init__(params)

    @property
    def action(self) -> str:
        """What to do about it, in a sentence; empty where nothing can be done."""
        return translate(self.remedies.get(self.cause, self.remedy)).format(**self.params)

    @property
    def cause(self) -> str:
        """Whose fault it may be: one of the keys of ``remedies``; empty where the kind of error says it all."""
        return str(self.params.get("cause", ""))

    def __str__(self) -> str:
        return " ".join(part for part in (translate(self.sentence).format(**self.params), self.action) if part)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.params, self.retry_at)


def _rebuild(kind: type[RocketVPNError], params: dict[str, Any], retry_at: float | None) -> RocketVPNError:
    return kind(retry_at=retry_at, **params)


# ---------------------------------------------------------------- configuration


class ConfigurationError(RocketVPNError):
    """``Config`` holds something that cannot work; ``problem`` says what."""

    code = "configuration-invalid"
    sentence = "The configuration cannot work: {problem}."
    remedy = "Correct it where the app builds its Config."


class PolicyInvalid(ConfigurationError):
    """The policy document is not valid; ``path``, ``line`` (from 1; 0: unknown) and ``problem`` say where and why."""

    code = "policy-invalid"
    sentence = "{path}, line {line}: {problem}."
    remedy = "Correct the policy document; `rocketvpn policy lint` checks it."


class PolicyOutdated(RocketVPNError):
    """A policy older than the one known here was offered (X1); ``version`` and ``known`` are their numbers."""

    code = "policy-outdated"
    sentence = "Version {version} of the policy was offered, and version {known} is known here already."
    remedy = "Nothing was changed. If it goes on, ask the operator to publish a newer version."


class EventUndeclared(ConfigurationError):
    """An event that the policy or ``Config(events=...)`` does not know; ``event`` and ``problem`` say which and why."""

    code = "event-undeclared"
    sentence = "The event {event!r} cannot be recorded: {problem}."
    remedy = "Declare it in the policy, or leave it out of the event class."


class OperationUndeclared(ConfigurationError):
    """A call of an operation that the policy does not declare; ``operation`` and ``problem``."""

    code = "operation-undeclared"
    sentence = "The operation {operation!r} cannot be called: {problem}."
    remedy = "Declare it under [[operation]] in the policy, or correct the call."


# ---------------------------------------------------------------- rules


class NotAllowed(RocketVPNError):
    """A rule of the policy says no; ``rule`` is the clause and ``reason`` its sentence."""

    code = "not-allowed"
    sentence = "The privacy policy does not allow this ({rule}): {reason}"
    remedy = "Nothing was stored or sent."


class EgressBlocked(NotAllowed):
    """Something would have left the device that may not; raised before any socket opens.

    ``operation``, ``rule``, ``reason``.
    """

    code = "egress-blocked"
    sentence = "{operation!r} was stopped before it left this device ({rule}): {reason}"
    remedy = "Nothing was sent."


class NotCorrectable(NotAllowed):
    """``field`` cannot be corrected; ``correctable`` lists those that can."""

    code = "not-correctable"
    sentence = "The field {field!r} cannot be corrected."
    remedy = "These can: {correctable}. For anything else, ask through {contact}."


class NotCancellable(NotAllowed):
    """A request that waits for the server cannot be cancelled, since a right would be lost with it; ``reason``."""

    code = "not-cancellable"
    sentence = "This request cannot be cancelled ({rule}): {reason}."
    remedy = "It stays until the server has it; what was done on this device stays done."


class AgeSettled(NotAllowed):
    """Who said that they are under age cannot take it back by themselves; ``retry_at``: when they are asked again."""

    code = "age-settled"
    remedy = "A guardian can say so: request_guardian(contact, of_age=True). Else they are asked again after a year."


class ConsentError(NotAllowed):
    """The base of why a consent cannot be given; ``rule`` is the clause and ``reason`` its sentence."""

    code = "consent-error"
    sentence = "This cannot be agreed to ({rule}): {reason}"


class AgeUnknown(ConsentError):
    """Nobody has said yet whether the user is of age (M1)."""

    code = "age-unknown"
    remedy = "Ask the user, and call declare_age(adult) first; nothing was changed."


class GuardianNeeded(ConsentError):
    """The user is under age, and no guardian agreed to this version of the policy (M1, M2)."""

    code = "guardian-needed"
    remedy = "Ask a guardian with request_guardian(contact), then call again; nothing was changed."


class ConsentNotNeeded(ConsentError):
    """The purpose is necessary: nobody is asked, so nobody can agree or refuse. ``purpose``."""

    code = "consent-not-needed"
    remedy = "Explain it with policy.explain({purpose!r}); it needs no consent."


class NoticeUnknown(ConsentError):
    """The notice was not made by this process, or was altered: it does not show what the user saw."""

    code = "notice-unknown"
    remedy = "Show what notice(purpose) returns, and pass on that very value; nothing was changed."


class NoticeOutdated(ConsentError):
    """The notice shows another version of the policy than the newest one; ``shown`` and ``newest``."""

    code = "notice-outdated"
    sentence = "This cannot be agreed to ({rule}): the notice shows version {shown}, and version {newest} is there now."
    remedy = "Get a new notice, show it and ask again; nothing was changed."


class GuardianError(NotAllowed):
    """The base of why a guardian's agreement does not count (M1, M2); ``rule`` is the clause."""

    code = "guardian-error"
    sentence = "The guardian's agreement cannot be taken ({rule})."


class GuardianNotAsked(GuardianError):
    """There is no request to a guardian that a code could belong to."""

    code = "guardian-not-asked"
    sentence = "No guardian has been asked, or the request is settled ({rule})."
    remedy = "Ask one with request_guardian(contact)."


class GuardianCodeWrong(GuardianError):
    """The code is not the one that was sent; ``left`` says how many tries are left, where the server says so."""

    code = "guardian-code-wrong"
    sentence = "That is not the code that was sent to the guardian ({rule}){left}."
    remedy = "Look at the newest e-mail and enter its code; nothing was changed."


class GuardianCodeExpired(GuardianError):
    """The code's time is over, or the server does not know the request any more."""

    code = "guardian-code-expired"
    sentence = "The guardian's code is no longer valid ({rule})."
    remedy = "Ask again with request_guardian(contact); a new code is sent."


class GuardianCodeUsed(GuardianError):
    """The code was used already: it counts once."""

    code = "guardian-code-used"
    sentence = "The guardian's code was used already ({rule}); it counts once."
    remedy = "consent.status() shows what holds; for a new agreement ask again with request_guardian(contact)."


class GuardianTriesSpent(GuardianError):
    """Too many wrong codes: this one is spent."""

    code = "guardian-tries-spent"
    sentence = "Too many wrong codes were entered; the guardian's code is spent ({rule})."
    remedy = "Ask again with request_guardian(contact); a new code is sent."


class GuardianOtherPolicy(GuardianError):
    """The guardian was shown another version of the policy; ``shown`` and ``newest`` are their numbers."""

    code = "guardian-other-policy"
    sentence = "The guardian was asked about version {shown} of the policy, and version {newest} is there now ({rule})."
    remedy = "Ask again with request_guardian(contact); the new version goes with it."


class ValueRefused(RocketVPNError):
    """A value that a call cannot take: ``name`` says which argument, ``problem`` why. The value is not repeated."""

    code = "value-refused"
    sentence = "The value of {name!r} cannot be used: {problem}."
    remedy = "Correct it and call again; nothing was changed."


class TermUnknown(ValueRefused):
    """Something to be explained that the policy does not have: ``term``; ``near`` names what it may have meant."""

    code = "term-unknown"
    sentence = "The privacy policy has no term {term!r}."
    remedy = "Try one of these: {near}."


class PurposeUnknown(ValueRefused):
    """A purpose or third party that the policy does not ask about: ``purpose``; ``known`` lists what it asks about."""

    code = "purpose-unknown"
    sentence = "The privacy policy does not ask whether you agree to {purpose!r} (U7)."
    remedy = "It asks about these: {known}."


# ---------------------------------------------------------------- the vault


class VaultError(RocketVPNError):
    """The base of what can be wrong with what rests on this device."""

    code = "vault-error"
    sentence = "The vault cannot be used: {problem}."


class VaultLocked(VaultError):
    """The vault is open, not unlocked."""

    code = "vault-locked"
    sentence = "The vault is locked."
    remedy = "Call unlock() first; it may ask the user."


class VaultClosed(VaultError):
    """This object was closed, or the vault was deleted or reset, here or by another process."""

    code = "vault-closed"
    sentence = "The vault is closed: {problem}."
    remedy = "Open it again."


class VaultBusy(VaultError):
    """Another process held the vault's lock for too long."""

    code = "vault-busy"
    sentence = "Another process is using the vault and did not finish in {seconds:g} seconds."
    remedy = "Try again; nothing was changed."


class VaultFull(VaultError):
    """The disk is full."""

    code = "vault-full"
    sentence = "There is no room left on the disk that holds {folder}."
    remedy = "Free some room and try again; what was stored before is whole."


class VaultReadOnly(VaultError):
    """The folder cannot be written to."""

    code = "vault-read-only"
    sentence = "{folder} cannot be written to."
    remedy = "Make it writable for this user, or choose another data_dir."


class VaultUnsafe(VaultError):
    """The folder is a link, belongs to someone else, or is open to others."""

    code = "vault-unsafe"
    sentence = "{path} is not safe for private data: {problem}."
    remedy = "Correct that, or choose another data_dir; nothing was written."


class VaultDamaged(VaultError):
    """A stored byte is not what was written; ``part`` names the piece. Nothing was moved or wiped."""

    code = "vault-damaged"
    sentence = "The vault is damaged or was tampered with: {part}."
    remedy = "Put the folder back from a copy, or start anew with RocketVPN.reset(config)."


class VaultOutdated(VaultError):
    """The folder is an older copy than the secret store knows of."""

    code = "vault-outdated"
    sentence = "This folder is an older copy of the vault; its keys were destroyed since."
    remedy = "Start anew with RocketVPN.reset(config), then bind again."


class VaultTooNew(VaultError):
    """The vault was made by a newer version of the SDK: ``format``."""

    code = "vault-too-new"
    sentence = "The vault was written in format {format} by a newer version of this software."
    remedy = "Update the app; nothing was changed."


class SecretStoreError(VaultError):
    """The base of what can be wrong with where the root key lives; ``store`` names it."""

    code = "secret-store-error"
    sentence = "The {store} cannot be used: {problem}."


class SecretStoreUnavailable(SecretStoreError):
    """There is no (trustworthy) secret store, or it does not answer."""

    code = "secret-store-unavailable"
    sentence = "The {store} does not answer: {problem}."
    remedy = "Start the keyring service, or pass Config(secrets=PassphraseSecrets(...)) on a machine without one."


class SecretStoreLocked(SecretStoreError):
    """The store is locked, its prompt was dismissed, or the passphrase is wrong."""

    code = "secret-store-locked"
    sentence = "The {store} is locked: {problem}."
    remedy = "Unlock it and try again; nothing was changed."


class SecretMissing(SecretStoreError):
    """The store answers, and has no key for this vault."""

    code = "secret-missing"
    sentence = "The {store} has no key for this vault."
    remedy = "Bring the entry back (without it nothing here can be read), or start anew with RocketVPN.reset(config)."


class SecretCorrupt(SecretStoreError):
    """The store has an entry for this vault that is no key of its."""

    code = "secret-corrupt"
    sentence = "The {store} holds something else in the place of this vault's key."
    remedy = "Put the entry back, or start anew with RocketVPN.reset(config)."


# ---------------------------------------------------------------- binding


class BindingError(RocketVPNError):
    """The base of what can be wrong between an order number and this device."""

    code = "binding-error"


class NotBound(BindingError):
    """The call needs a bound device."""

    code = "not-bound"
    sentence = "This device is not bound to an order."
    remedy = "Bind it with device.bind(order_number)."


class AlreadyBound(BindingError):
    """This profile is bound already."""

    code = "already-bound"
    sentence = "This device is bound to an order already."
    remedy = "Unbind it first, or use another profile."


class DeletionPending(BindingError):
    """What this device was bound to before is still being deleted at the server, and its key is needed for that."""

    code = "deletion-pending"
    sentence = "The server has not confirmed yet that what this device was bound to before is deleted."
    remedy = "Let that go on with rights.resume(), or drop it with rights.forget_now(); then bind."


class OrderNotFound(BindingError):
    """The server knows no such order."""

    code = "order-not-found"
    sentence = "There is no such order."
    remedy = "Check the order number in the confirmation of the purchase."


class OrderExpired(BindingError):
    """The order has run out."""

    code = "order-expired"
    sentence = "This order has expired."
    remedy = "Renew it, then bind again."


class DeviceLimitReached(BindingError):
    """The order has all the devices it allows: ``devices`` lists them."""

    code = "device-limit-reached"
    sentence = "The order has all the devices that it allows ({count}): {names}."
    remedy = "Bind with replace=<device id> to put this device in the place of one of them."

    def __init__(self, *, devices: tuple[Device, ...] = (), retry_at: float | None = None, **_: Any) -> None:
        self.devices = tuple(devices)
        names = ", ".join(device.name for device in self.devices)
        super().__init__(devices=self.devices, count=len(self.devices), names=names, retry_at=retry_at)


class DeviceRevoked(BindingError):
    """The server no longer accepts this device."""

    code = "device-revoked"
    sentence = "This device was removed from the order."
    remedy = "Bind it again if it is yours; what is stored here stays until you delete it."


# ---------------------------------------------------------------- authentication


class AuthenticationError(RocketVPNError):
    """The base of what can be wrong with proving who calls."""

    code = "authentication-error"


class AuthenticationRequired(AuthenticationError):
    """The call needs the user (an e-mailed code) and there is no ``authenticator``; ``hint``: where the code went."""

    code = "authentication-required"
    sentence = "This needs the code that was sent to {hint}."
    remedy = "Pass Config(authenticator=...) and call again."


class AuthenticationFailed(AuthenticationError):
    """The proof of who calls was refused; ``reason`` is the server's code."""

    code = "authentication-failed"
    sentence = "The server did not accept the authentication ({reason})."
    remedy = "Try again with a fresh code; after too many wrong ones, wait."
    remedies: ClassVar = {
        "clock": "This device's clock is wrong: set its date, time and time zone, then try again.",
    }


class BrowserRequired(AuthenticationError):
    """The server wants this done on its web pages."""

    code = "browser-required"
    sentence = "The server asks to go on in a browser."
    remedy = "Open the operator's web page and bind there."


# ---------------------------------------------------------------- transport


class TransportError(RocketVPNError):
    """The base of what can be wrong between here and the server. ``host``."""

    code = "transport-error"


class ServerUnreachable(TransportError):
    """No connection: no network, the server is down, or something cut it."""

    code = "server-unreachable"
    sentence = "{host} cannot be reached ({problem})."
    remedy = "Check the connection and try again; what was queued is kept."
    remedies: ClassVar = {
        "network": "Check this device's connection to the internet and try again; what was queued is kept.",
        "captive_portal": "Open a web page to sign in to this network, or use another one; what was queued is kept.",
        "proxy": "Check the proxy that this app is set to use, or ask whoever runs it; what was queued is kept.",
        "server": "The server may be down: try again later; what was queued is kept.",
    }


class ServerTimeout(TransportError):
    """No whole answer in time."""

    code = "server-timeout"
    sentence = "{host} did not answer within {seconds:g} seconds."
    remedy = "Try again later; what was queued is kept."
    remedies: ClassVar = {
        "network": "Check this device's connection to the internet and try again; what was queued is kept.",
        "proxy": "Check the proxy that this app is set to use, or ask whoever runs it; what was queued is kept.",
        "server": "The server may be busy: try again later; what was queued is kept.",
    }


class CertificateUntrusted(TransportError):
    """The certificate's chain, name or dates do not hold; ``problem`` says which."""

    code = "certificate-untrusted"
    sentence = "{host} showed a certificate that is not trusted ({problem}); nothing was sent."
    remedy = "Check this device's clock; in a hotel or café, sign in to its network; else someone may be listening."
    remedies: ClassVar = {
        "clock": "This device's clock may be wrong: set its date, time and time zone, then try again.",
        "interception": "Someone may be listening: in a hotel or café, sign in to its network first; else use another.",
        "wrong_host": "Another server answered: in a hotel or café, sign in to its network first; else use another.",
        "server": "The server's certificate has to be renewed: try again later; if it stays, tell the operator.",
    }


class PinMismatch(TransportError):
    """The chain is valid, yet none of its keys is pinned."""

    code = "pin-mismatch"
    sentence = "{host} showed a valid certificate with a key that this app does not expect; nothing was sent."
    remedy = "Someone may be listening on this network: try another one; if it stays, update the app."


# ---------------------------------------------------------------- the server's answers


class ServerError(RocketVPNError):
    """The server failed, or its answer makes no sense; ``operation``, ``status`` and ``problem``."""

    code = "server-error"
    sentence = "The server's answer to {operation!r} cannot be used ({problem})."
    remedy = "Try again later; nothing was changed here."
    remedies: ClassVar = {
        "captive_portal": "Something else may have answered: open a web page to sign in to this network; try again.",
    }


class AnswerTooLarge(ServerError):
    """The answer is longer than it may be; what came was dropped."""

    code = "answer-too-large"


class RequestRefused(RocketVPNError):
    """The server understood the request and refused it; ``operation``, ``reason`` (its problem code), ``items``."""

    code = "request-refused"
    sentence = "The server refused {operation!r} ({reason}){details}."
    remedy = "Nothing was changed."

    def __init__(
        self,
        *,
        operation: str,
        reason: str,
        items: tuple[ProblemItem, ...] = (),
        retry_at: float | None = None,
        **params: Any,
    ) -> None:
        self.items = tuple(items)
        params["details"] = "".join(f"; {item.pointer or '/'}: {item.detail}" for item in self.items)
        super().__init__(operation=operation, reason=reason, items=self.items, retry_at=retry_at, **params)


class Conflict(RequestRefused):
    """The value changed at the server since it was read; ``here`` and ``there`` are both values, by field."""

    code = "conflict"
    sentence = "The data was changed elsewhere in the meantime."
    remedy = "Look at both values (error.here, error.there) and correct again; nothing was changed."

    def __init__(
        self,
        *,
        operation: str,
        reason: str = "precondition-failed",
        here: dict[str, Any] | None = None,
        there: dict[str, Any] | None = None,
        **params: Any,
    ) -> None:
        # Personal values: attributes for the app to show, not params that end in a log.
        self.here, self.there = here or {}, there or {}
        super().__init__(operation=operation, reason=reason, **params)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.params | {"here": self.here, "there": self.there}, self.retry_at)


class RateLimited(RequestRefused):
    """Too many requests; ``retry_at`` says when to come back."""

    code = "rate-limited"
    sentence = "The server asks to slow down."
    remedy = "Try again later."


class TicketRefused(RequestRefused):
    """A panic ticket that the server does not know, or that was used or revoked; it does not say which."""

    code = "ticket-refused"
    sentence = "The server does not take this ticket: it was used or revoked, or was never known there."
    remedy = "If it was used, what it was for is erased. Else delete from a device that is still bound."


# ---------------------------------------------------------------- signed files


class UpdateError(RocketVPNError):
    """The base of what can be wrong with the operator's signed files."""

    code = "update-error"


class UpdateRefused(UpdateError):
    """What came cannot be trusted, and was dropped (X1); what was trusted before stays in force.

    ``reason`` is ``rollback`` (older than what was seen), ``expired`` (older than its signer allows, or held back),
    ``signature`` (not signed by enough of the right keys), ``tampered`` (not what was signed), ``oversize`` or
    ``not-found``; ``problem`` is its sentence.
    """

    code = "update-refused"
    sentence = "The operator's signed files were refused: {problem}."
    remedy = "What was trusted before stays in force; try again later or on another network, then ask the operator."


class UpdateBusy(UpdateError):
    """Another process or thread was fetching the signed files for too long."""

    code = "update-busy"
    sentence = "Another process is fetching the operator's signed files and did not finish in {seconds:g} seconds."
    remedy = "Try again; nothing was changed."


class ExportFailed(RocketVPNError):
    """The file to take along could not be written to ``folder``; ``problem`` says why. Nothing is left of it."""

    code = "export-failed"
    sentence = "The export could not be written to {folder}: {problem}."
    remedy = "Choose another place, or make room, and try again."


class ReceiptInvalid(RocketVPNError):
    """A receipt whose signature, issuer or content does not hold; ``problem`` says which."""

    code = "receipt-invalid"
    sentence = "The receipt proves nothing: {problem}."
    remedy = "Ask for it again; if it stays, ask the operator."
