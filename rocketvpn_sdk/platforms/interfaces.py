"""What Linux tells about the interfaces of this machine, in its own files: no socket, no other program."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path

_CLASS = Path("/sys/class/net")
_NET = Path("/proc/net")
_LOCAL = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL")
_LONGEST = 1 << 20
_MOST = 256


def addresses() -> frozenset[str]:
    """Return the hardware and IP addresses of the interfaces; what cannot be read is left out."""
    found = [_read(place / "address").strip() for place in _interfaces()]
    found += _LOCAL.findall(_read(_NET / "fib_trie"))
    for line in _read(_NET / "if_inet6").splitlines():
        number = line.partition(" ")[0]
        with suppress(ValueError):
            found.append(str(IPv6Address(bytes.fromhex(number))))
            found.append(":".join(number[at : at + 4] for at in range(0, 32, 4)))
    kept = (address for address in found if address.strip("0:.1") and not address.startswith("127."))
    return frozenset(sorted(kept)[:_MOST])


def _interfaces() -> list[Path]:
    with suppress(OSError):
        return sorted(_CLASS.iterdir())[:_MOST]
    return []


def _read(place: Path) -> str:
    try:
        with place.open(encoding="ascii", errors="replace") as file:
            return file.read(_LONGEST)
    except OSError:
        return ""
