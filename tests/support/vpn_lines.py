"""Log lines as a VPN client writes them, made up from a seed, each with the personal values planted in it.

Templates hold ``{kind}`` slots. Slots in ``PERSONAL`` are planted values, which must not survive scrubbing; the others
are harmless numbers and words. All addresses and names are invented or from documentation ranges.
"""

from __future__ import annotations

import base64
import ipaddress
import random
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_NAMES = "lena omar mikko ines tomasz aiko bram chiara dmitri eun fatima greta hugo ivana jonas".split()  # noqa: SIM905 - reads better than a list
_WORDS = "clinic garden forum chess dating union mosque bank travel recipes night debt pets choir".split()  # noqa: SIM905 - reads better than a list
_ENDINGS = "example com net org de co.uk se fr jp io info рф".split()  # noqa: SIM905 - reads better than a list
_REGIONS = "at-vie au-syd br-sao ca-tor de-fra es-mad fr-par gb-lon jp-tyo nl-ams se-sto us-nyc".split()  # noqa: SIM905 - reads better than a list


class Line(NamedTuple):
    """A line, and the personal values in it."""

    text: str
    personal: tuple[str, ...]


def _v4(rng: random.Random) -> str:
    base = rng.choice(("203.0.113.0", "198.51.100.0", "192.0.2.0", "10.8.0.0", "192.168.178.0", "172.16.4.0"))
    return str(ipaddress.ip_address(base) + rng.randint(2, 254))


def _v6(rng: random.Random) -> str:
    prefix = rng.choice((0x20010DB8 << 96, 0xFE80 << 112, 0xFD00_1234_5678 << 80))
    address = ipaddress.ip_address(prefix + rng.getrandbits(rng.choice((16, 40, 64))))
    return address.exploded if rng.random() < 0.2 else str(address)


def _host(rng: random.Random) -> str:
    labels = [rng.choice(("www", "cdn7", "m", "api", "mail", "static-03")) for _ in range(rng.randint(0, 2))]
    return ".".join(
        [*labels, rng.choice(_WORDS) + rng.choice(("", "-", "2")) + rng.choice(_WORDS), rng.choice(_ENDINGS)]
    )


def _email(rng: random.Random) -> str:
    return f"{rng.choice(_NAMES)}{rng.choice(('', '.', '+'))}{rng.choice(_WORDS)}@{_host(rng)}"


def _mac(rng: random.Random) -> str:
    return rng.choice((":", "-")).join(f"{rng.randrange(256):02x}" for _ in range(6))


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return (
        digits
        if rng.random() < 0.2
        else "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    )


def _token(rng: random.Random) -> str:
    parts = (b'{"alg":"ES256"}', rng.randbytes(40), rng.randbytes(32))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _key(rng: random.Random) -> str:
    return base64.b64encode(rng.randbytes(32)).decode()


PERSONAL: dict[str, Callable[[random.Random], str]] = {
    "v4": _v4,
    "v6": _v6,
    "host": _host,
    "email": _email,
    "mac": _mac,
    "uuid": _uuid,
    "token": _token,
    "key": _key,
    "hex": lambda rng: rng.randbytes(rng.choice((16, 20, 32))).hex(),
    "name": lambda rng: rng.choice(_NAMES),
    "order": lambda rng: f"RV-20{rng.randint(20, 26)}-{rng.randint(1, 99999):04}",
    "ssid": lambda rng: f"{rng.choice(_WORDS).title()} {rng.choice(_NAMES).title()} {rng.randint(2, 9)}G",
    "secret": lambda rng: f"{rng.choice(_WORDS)}{rng.randint(100, 999)}!{rng.choice(_NAMES)}",
}
HARMLESS: dict[str, Callable[[random.Random], str]] = {
    "n": lambda rng: str(rng.randint(1, 9)),
    "ms": lambda rng: f"{rng.uniform(0.2, 900):.1f}",
    "size": lambda rng: str(rng.randint(100, 10**9)),
    "port": lambda rng: str(rng.choice((53, 443, 1194, 8443, 51820))),
    "mtu": lambda rng: str(rng.choice((1280, 1380, 1420, 1500))),
    "time": lambda rng: f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}",
    "region": lambda rng: rng.choice(_REGIONS),
    "version": lambda rng: f"{rng.randint(1, 4)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}",
    "hexcode": lambda rng: f"0x{rng.getrandbits(32):08X}",
}

_CLEAN = """
Handshake initiation sent, attempt {n}
Handshake completed in {ms} ms
Keepalive sent, next in 25 s
Tunnel to {region} is up after {ms} ms
Tunnel down: no handshake for 180 s, {size} bytes in, {size} bytes out
State changed: connecting -> connected
Kill switch engaged, {n} rules in {ms} ms
Kill switch released
MTU lowered to {mtu} after {n} lost probes
Rekey after {size} packets
Received a packet of {size} bytes, counter {size}
Dropped {n} packets outside the replay window
Data channel uses AES-256-GCM, peer offers CHACHA20-POLY1305
Session lasted {time}, reason: user request
Reading configuration took {ms} ms
RocketVPN {version} started, Python {version}, OpenSSL {version}
Adapter wg0 created, metric {n}, MTU {mtu}
Network changed: wifi -> ethernet, roaming
Sleep detected, suspending the tunnel
Woke up after {time}; reconnecting
Listening on 127.0.0.1:{port}
DNS cache: {n} entries, {n} expired
Error {hexcode} in the driver, retrying in {n} s
rocketvpn_sdk.transport.api: request finished with 200 in {ms} ms
asyncio.selector_events: selector closed, {n} tasks pending
Traceback: concurrent.futures.TimeoutError in tunnel.py:{n}8
Certificate chain verified, {n} certificates, pin matched
Worker {n} idle for {ms} ms
Split tunnel: {n} apps excluded, {n} apps included
Power state: battery {n}5 %, saver off
""".strip().splitlines()

_PLANTED = """
Connecting to {v4}:{port} over UDP
TCP/UDP: Preserving recently used remote address: [AF_INET]{v4}:{port}
Endpoint moved from {v4}:{port} to [{v6}]:{port}
opening tcp:{v4}:{port} failed: timed out after {ms} ms
Assigned {v4}/32 and {v6}/128, MTU {mtu}
Route added: {v4}/24 via {v4} dev tun{n} metric {n}
DNS query A {host} answered in {ms} ms
DNS: {host} -> {v4} (ttl {size})
Resolving {host} failed: NXDOMAIN
Blocked by filter: https://{host}/{name}/profile?id={n}
HTTPSConnectionPool(host='{host}', port=443): Read timed out. (read timeout={n})
"GET /{name}/inbox?page={n} HTTP/1.1" 200 {size}
ssl.SSLCertVerificationError: Hostname mismatch, certificate is not valid for '{host}'. (_ssl.c:1006)
ConnectionRefusedError: [Errno 111] Connect call failed ('{v4}', {port})
Gateway {v4} is at {mac} on wlan0
Associated with {mac}, SSID="{ssid}", channel {n}
Signed in as {email} from {v4}
Bound order {order} to device {uuid}
Order {order}: {n} of {n} devices
Authorization: Bearer {token}
token={token}, expires in {size} s
Peer {key} sent {size} bytes
PrivateKey = {key}
fingerprint {hex}
Cannot open /home/{name}/.config/rocketvpn/settings.json: permission denied
File "/Users/{name}/Library/Application Support/RocketVPN/app.py", line {n}
Failed to load C:\\Users\\{name}\\AppData\\Local\\RocketVPN\\state.db: {hexcode}
login failed: user={name} password={secret}
Survey sent by {email} at {time}
interface {uuid} has address {v6}%eth{n}
""".strip().splitlines()

_SLOT = re.compile(r"{(\w+)}")


def _filled(template: str, rng: random.Random) -> Line:
    planted: list[str] = []

    def fill(slot: re.Match[str]) -> str:
        kind = slot[1]
        if kind in PERSONAL:
            planted.append(PERSONAL[kind](rng))
            return planted[-1]
        return HARMLESS[kind](rng)

    text = _SLOT.sub(fill, template)
    return Line(text, tuple(planted))


def vpn_lines(count: int, *, seed: int = 1, personal: float = 0.4) -> Iterator[Line]:
    """Yield ``count`` lines from ``seed``; ``personal`` is the share of lines that have something personal in them."""
    rng = random.Random(seed)
    for _ in range(count):
        yield _filled(rng.choice(_PLANTED if rng.random() < personal else _CLEAN), rng)
