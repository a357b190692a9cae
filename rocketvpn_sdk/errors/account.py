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
    MESSAGE = "This device is not bound to an order."
    REMEDY = "Enter your order number first."
    HINT = "Call device.bind(order_number)."


class AlreadyBound(BindingError):
    """This profile is bound already."""

    code = "already-bound"
    MESSAGE = "This device is bound to an order already."
    REMEDY = "Unbind it first."
    HINT = "Call device.unbind(), or use another profile: Config(profile=...)."


class DeletionPending(BindingError):
    """What this device was bound to before is still being deleted at the server, and its key is needed for that."""

    code = "deletion-pending"
    MESSAGE = "The server has not confirmed yet that your earlier data is deleted."
    REMEDY = "Wait until it has, or go on without waiting for it."
    HINT = "rights.resume() asks the server again, and rights.forget_now() no longer waits for it; then bind."


class OrderNotFound(BindingError):
    """The server knows no such order."""

    code = "order-not-found"
    MESSAGE = "There is no such order."
    REMEDY = "Check the order number in the confirmation of the purchase."


class OrderExpired(BindingError):
    """The order has run out."""

    code = "order-expired"
    MESSAGE = "This order has expired."
    REMEDY = "Renew it, then bind again."


class DeviceLimitReached(BindingError):
    """The order has all the devices it allows: ``devices`` lists them by name; each ``id`` is good for ``replace``."""

    code = "device-limit-reached"
    MESSAGE = "The order has all the devices that it allows ({count}): {names}."
    REMEDY = "Choose one of them, which this device then replaces."
    HINT = "Bind with replace=<the id listed for it>."

    def __init__(self, *, devices: tuple[Device, ...] = (), retry_at: float | None = None, **params: Any) -> None:
        self.devices = tuple(devices)
        names = ", ".join(device.name for device in self.devices)
        params |= {"devices": self.devices, "count": len(self.devices), "names": names}
        super().__init__(retry_at=retry_at, **params)


class DeviceExists(BindingError):
    """The order has a device by this machine's number, under another key: ``devices`` lists it. Nothing was changed.

    The app was installed again, or this machine is a copy of another one. Only the user can tell.
    """

    code = "device-exists"
    MESSAGE = "The order already has a device with the ID of this computer: {names}."
    REMEDY = (
        "If you installed this app again, let it replace the old installation. If this computer is a copy of"
        " another one, add it as a new device."
    )
    HINT = "Bind with replace=<its id>, or with another=True."

    def __init__(self, *, devices: tuple[Device, ...] = (), retry_at: float | None = None, **params: Any) -> None:
        self.devices = tuple(devices)
        names = ", ".join(device.name for device in self.devices)
        params |= {"devices": self.devices, "names": names}
        super().__init__(retry_at=retry_at, **params)


class DeviceRevoked(BindingError):
    """The server no longer accepts this device."""

    code = "device-revoked"
    MESSAGE = "This device was removed from the order."
    REMEDY = "Bind it again if it is yours; what is stored here stays until you delete it."


class AuthenticationError(RocketVPNError):
    """The base of what can be wrong with proving who calls."""

    code = "authentication-error"


class AuthenticationRequired(AuthenticationError):
    """The call needs the user, by an e-mailed code, and there is no ``authenticator``; ``sent_to`` is where it went."""

    code = "authentication-required"
    MESSAGE = "This needs the code that was sent to {sent_to}."
    REMEDY = "Try again, and enter the code."
    HINT = "Pass Config(authenticator=...), which is asked for the code."


class AuthenticationCancelled(AuthenticationRequired):
    """The user was asked for the code and entered none; ``sent_to`` is where it went."""

    code = "authentication-cancelled"
    MESSAGE = "The code that was sent to {sent_to} was not entered."
    REMEDY = "Try again when you have it."
    HINT = "Config(authenticator=...) returned None, or a text without anything in it."


class AuthenticatorFailed(AuthenticationRequired):
    """``Config(authenticator=...)`` raised something, which is the ``__cause__``, or returned no text; ``problem``."""

    code = "authenticator-failed"
    MESSAGE = "This app could not ask for the code that was sent to {sent_to}: {problem}."
    REMEDY = "Try again. If it happens again, tell the makers of this app."
    HINT = "It is the function that was passed as Config(authenticator=...)."


class AuthenticationFailed(AuthenticationError):
    """The proof of who calls was refused; ``reason`` is the server's code.

    ``cause`` is empty, or ``clock`` (this device's is wrong), ``malformed-code`` (what the user gave cannot be a code,
    and was not sent) or ``wrong-code`` (the server did not accept it, and there was no other one).
    """

    code = "authentication-failed"
    MESSAGE = "The server did not accept that it is you."
    MESSAGES: ClassVar = {
        "malformed-code": "What was given does not look like a code, so the server was not asked.",
        "wrong-code": "The server did not accept the code, and no other one was given.",
    }
    REMEDY = "Try again with a fresh code; after too many wrong ones, wait."
    HINT = "The server's code is {reason}."
    REMEDIES: ClassVar = {
        "clock": "This device's clock is wrong: set its date, time and time zone, then try again.",
        "malformed-code": "Try again, and give the code as it was sent to you: all of it, and nothing else.",
    }


class BrowserRequired(AuthenticationError):
    """The server wants this done on its web pages."""

    code = "browser-required"
    MESSAGE = "The server asks to go on in a browser."
    REMEDY = "Open the operator's web page and go on there. Where your order has no e-mail address, you can add one."
