"""Order number ↔ device, and who is calling."""

from __future__ import annotations

from typing import Any, ClassVar

from rocketvpn_sdk.errors.base import RocketVPNError
from rocketvpn_sdk.wire import Device


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


class DeviceExists(BindingError):
    """The order has a device by this machine's number, under another key: ``devices`` lists it. Nothing was changed.

    The app was installed again, or this machine is a copy of another one. Only the user can tell.
    """

    code = "device-exists"
    sentence = "The order has a device by this machine's number already: {names}."
    remedy = (
        "If it is this one, installed again, bind with replace=<device id>: that puts the old installation out. If this"
        " machine is a copy of that one, bind with another=True."
    )

    def __init__(self, *, devices: tuple[Device, ...] = (), retry_at: float | None = None, **_: Any) -> None:
        self.devices = tuple(devices)
        names = ", ".join(device.name for device in self.devices)
        super().__init__(devices=self.devices, names=names, retry_at=retry_at)


class DeviceRevoked(BindingError):
    """The server no longer accepts this device."""

    code = "device-revoked"
    sentence = "This device was removed from the order."
    remedy = "Bind it again if it is yours; what is stored here stays until you delete it."


class AuthenticationError(RocketVPNError):
    """The base of what can be wrong with proving who calls."""

    code = "authentication-error"


class AuthenticationRequired(AuthenticationError):
    """The call needs the user (an e-mailed code) and there is no ``authenticator``; ``hint``: where the code went."""

    code = "authentication-required"
    sentence = "This needs the code that was sent to {hint}."
    remedy = "Pass Config(authenticator=...) and call again."


class AuthenticatorFailed(AuthenticationRequired):
    """``Config(authenticator=...)`` raised something, which is the ``__cause__``, or returned no text; ``problem``."""

    code = "authenticator-failed"
    sentence = "The app could not ask for the code that was sent to {hint}: {problem}."
    remedy = "Try again. If it goes on, tell the makers of the app."


class AuthenticationFailed(AuthenticationError):
    """The proof of who calls was refused; ``reason`` is the server's code.

    ``cause`` is empty, or ``clock`` (this device's is wrong), ``malformed-code`` (what the user gave cannot be a code,
    and was not sent) or ``wrong-code`` (the server did not accept it, and there was no other one).
    """

    code = "authentication-failed"
    sentence = "The server did not accept the authentication ({reason})."
    sentences: ClassVar = {
        "malformed-code": "What was given does not look like a code, so the server was not asked.",
        "wrong-code": "The server did not accept the code, and no other one was given.",
    }
    remedy = "Try again with a fresh code; after too many wrong ones, wait."
    remedies: ClassVar = {
        "clock": "This device's clock is wrong: set its date, time and time zone, then try again.",
        "malformed-code": "Try again, and give the code as it was sent to you: all of it, and nothing else.",
    }


class BrowserRequired(AuthenticationError):
    """The server wants this done on its web pages."""

    code = "browser-required"
    sentence = "The server asks to go on in a browser."
    remedy = "Open the operator's web page and bind there."
