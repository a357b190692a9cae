"""What ``keyring`` does not do with the Secret Service of a Linux desktop: find every entry, and say who keeps them."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any

from rocketvpn_sdk import platforms

_NAME = "org.freedesktop.secrets"
_BUS = "org.freedesktop.DBus"
_KEEPERS = {"keepassxc": "KeePassXC"}
"""Programs that move a deleted entry to a recycle bin, by the name of their process."""
_WINDOWS = {"org.keepassxc.KeePassXC.MainWindow": "KeePassXC"}
"""The same by a name that they have on the bus: in a sandbox (Flatpak, Snap) the process is another one."""
_SECONDS = 5.0


def removed_from_all(service: str, user: str, tries: int) -> bool:
    """Remove every entry of ``user`` for ``service``, in every collection; return whether a fresh look finds none.

    Another collection than today's may have been the default when it was made, the app another name.
    """
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        for _ in range(tries):
            items = list(secretstorage.search_items(bus, {"service": service, "username": user}))
            if not items:
                return True
            for item in items:
                with suppress(secretstorage.ItemNotFoundException):  # another process was faster
                    if item.is_locked() and item.unlock():
                        raise secretstorage.LockedException("its prompt was dismissed")
                    item.delete()
    return False


def keeper_on_the_bus() -> str:
    """Return the program behind the Secret Service if it is known to keep what is deleted; else an empty text."""
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        owner = _ask(bus, "GetNameOwner", _NAME)
        for window, keeper in _WINDOWS.items():
            if owner and _ask(bus, "GetNameOwner", window) == owner:
                return keeper
        process = _ask(bus, "GetConnectionUnixProcessID", _NAME)
    return _KEEPERS.get(platforms.process_name(process).lower(), "")


def _ask(bus: Any, method: str, name: str) -> Any:
    """Return what the bus itself says about ``name``; ``None``: it knows none of that name."""
    from jeepney import DBusAddress, MessageType, new_method_call

    message = new_method_call(DBusAddress("/org/freedesktop/DBus", _BUS, _BUS), method, "s", (name,))
    reply = bus.send_and_get_reply(message, timeout=_SECONDS)
    return reply.body[0] if reply.header.message_type is MessageType.method_return else None
