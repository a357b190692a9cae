"""Notes connections that Python code in this process begins around the SDK (PEP 578: ``sys.addaudithook``).

Of each: the host, the port, the module that began it, the day, and how often. Nothing else is looked at. Its own rules:

- It never breaks the app: nothing is raised, nothing waits for a disk, what it keeps is bounded.
- A hook cannot be taken off again. There is one for the process, whatever the number of clients, and it does nothing
  while none of them watches; in a forked child it does nothing either.
- **Whose connection it is** goes by the stack: the nearest frame whose module belongs neither to Python itself nor to a
  network library. So what an app's callback does in the middle of a call of the SDK's is the app's. Only what
  ``transport.socket_backend`` begins is the SDK's own and in the ledger; another module of the SDK would show here.
- **Which host** is the name that ``create_connection`` of ``socket``, ``asyncio`` or ``urllib3`` was given, where one
  of them is on the stack; otherwise the address that the socket got.
- Left out: loopback addresses and Unix sockets, which stay on this device.
- **Never seen**, for no audit event tells of it: what C code connects, as ``grpc`` and ``uvloop`` do, and what
  asyncio's loop of Windows (Proactor) connects, which goes through ``_overlapped.ConnectEx``.
"""

from __future__ import annotations

import inspect
import ipaddress
import logging
import socket
import sys
import threading
import weakref
from contextlib import suppress
from functools import lru_cache
from types import FrameType
from typing import Any

from rocketvpn_sdk import platforms
from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.witness.record import FIELD, Note, WitnessRecord, day_of

logger = logging.getLogger(__name__)

MOST = 500
"""Different notes (host, port, module, day) that wait to be written; what comes beyond is counted as missed."""

LIBRARIES = frozenset(
    {
        "aiohappyeyeballs", "aiohttp", "aioquic", "anyio", "asyncssh", "curio", "dns", "eventlet", "gevent",
        "h11", "h2", "httpcore", "httplib2", "httpx", "hypercorn", "niquests", "paho", "paramiko", "pysocks",
        "requests", "requests_toolbelt", "socks", "tornado", "trio", "truststore", "twisted", "urllib3",
        "websocket", "websockets", "wsproto",
    }
)  # fmt: skip
"""Packages that connect for their callers, by Python's own sockets; ``grpc`` and ``uvloop`` do not, so nothing of
theirs comes by here."""

_PROBE = "rocketvpn_sdk.witness"
_EVENTS = frozenset({"socket.connect", "socket.sendmsg", "socket.sendto", _PROBE})
_FAMILIES = frozenset({int(socket.AF_INET), int(socket.AF_INET6)})
_OURS = "rocketvpn_sdk.transport.socket_backend"
_NAMED_BY = frozenset({"asyncio.base_events", "socket", "urllib3.util.connection"})
_UNKNOWN = "unknown"
_DEEPEST = 200
_LONGEST_HOST, _LONGEST_MODULE = 253, 120


class Notes:
    """What one client noted and has not written yet. Thread-safe, and safe to enter again from within itself.

    Args:
        clock: which day it is.
        most: how many different ones to keep.
    """

    def __init__(self, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        # One that its own thread can take again: inside, memory may be collected, and a finaliser may connect.
        self._lock = threading.RLock()
        self._found: dict[tuple[str, int, str, float], Note] = {}
        self.watched = False
        """Whether connections are noted here now."""

    def add(self, host: str, port: int, module: str) -> None:
        """Note one connection."""
        ran, now = self._clock.monotonic(), self._clock.time()
        with self._lock:
            key = (host, port, module, day_of(now))
            note = self._found.get(key)
            if note is None and len(self._found) >= self._most:
                key = ("", 0, "", day_of(now))
                note = self._found.get(key)
            first, times = (note.ran, note.times) if note else (ran, 0)
            self._found[key] = Note(*key, first, times + 1)

    @property
    def waiting(self) -> int:
        """How many different connections are noted here."""
        return len(self._found)

    def any(self) -> bool:
        """Whether anything was noted."""
        return bool(self._found)

    def take(self) -> list[Note]:
        """Return what was noted, and start again; a note without a host counts those that found no room."""
        with self._lock:
            found, self._found = self._found, {}
        return list(found.values())

    def stop(self) -> None:
        """Note nothing from here on."""
        _unwatch(self)
        logger.info("witness off")


def start(vault: Vault, permit: Permit, policy: Policy, clock: Clock) -> WitnessRecord:
    """Begin to note; return what writes and reads the notes.

    Raises:
        ConfigurationError: the policy does not declare them.
    """
    if FIELD not in policy.fields:
        raise ConfigurationError(problem=f"witness needs a policy that declares the field {FIELD!r}")
    notes = Notes(clock)
    watch(notes)
    logger.info("witness on")
    return WitnessRecord(vault, permit, notes)


_watching: tuple[weakref.ref[Notes], ...] = ()
"""Weak: who forgets to close a client must not be noted for ever."""
_changing = threading.Lock()
_installed = False
_heard = False


def watch(notes: Notes) -> None:
    """Note connections in ``notes``; the hook comes at the first time, and stays."""
    global _watching, _installed, _heard
    with _changing:
        _watching = (*(known for known in _watching if known() is not None), weakref.ref(notes))
        if not _installed:
            sys.addaudithook(_hook)
            _installed = True
        _heard = False
        sys.audit(_PROBE)  # another hook may have kept ours out without saying so
        notes.watched = _heard


def _unwatch(notes: Notes) -> None:
    global _watching
    with _changing:
        _watching = tuple(known for known in _watching if known() not in (None, notes))
        notes.watched = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not _watching:
        return
    with suppress(Exception):  # what an audit hook raises would stop the app's own call
        _note(event, args)


def _note(event: str, args: tuple[Any, ...]) -> None:
    global _heard
    if event == _PROBE:
        _heard = True
        return
    sock, address = args
    if not isinstance(address, tuple) or len(address) < 2 or int(sock.family) not in _FAMILIES:
        return
    host, port = address[0], address[1]
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    if not isinstance(host, str) or not isinstance(port, int) or _stays_here(host):
        return
    here = inspect.currentframe()
    module, name = _caller(here and here.f_back and here.f_back.f_back, port)  # beyond here and the hook
    if module == _OURS or (name is not None and _stays_here(name)):
        return
    for known in _watching:
        notes = known()
        if notes is not None:
            notes.add((name or host).partition("%")[0][:_LONGEST_HOST], port, module[:_LONGEST_MODULE])


def _caller(frame: FrameType | None, port: int) -> tuple[str, str | None]:
    """Return the module that began the connection, and the host's name where a library on the way was given it."""
    library: str | None = None
    name: str | None = None
    for _ in range(_DEEPEST):
        if frame is None:
            break
        module = str(frame.f_globals.get("__name__", _UNKNOWN))
        top = module.partition(".")[0]
        if top not in sys.stdlib_module_names:
            if top not in LIBRARIES:
                return module, name
            library = library or top
        if name is None and module in _NAMED_BY and frame.f_code.co_name == "create_connection":
            name = _named(frame.f_locals, port)
        frame = frame.f_back
    return library or _UNKNOWN, name


def _named(given: dict[str, Any], port: int) -> str | None:
    """Return the host that a ``create_connection`` was given, for the same port."""
    address = given.get("address")
    pair = address if isinstance(address, tuple) else (given.get("host"), given.get("port"))
    return pair[0] if len(pair) > 1 and isinstance(pair[0], str) and pair[0] and pair[1] == port else None


@lru_cache(maxsize=512)
def _stays_here(host: str) -> bool:
    """Whether ``host`` is this device itself (RFC 6761 §6.3, RFC 1122 §3.2.1.3, RFC 4291 §2.5)."""
    plain = host.partition("%")[0].rstrip(".").lower()
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return not plain
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _leave_to_parent() -> None:
    """In a forked child: what is noted is the parent's, and its locks may be held by threads that are not here."""
    global _watching, _changing
    _watching, _changing = (), threading.Lock()


platforms.after_fork(_leave_to_parent)
