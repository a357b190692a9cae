"""Decides what a pattern alone cannot: is a dotted name a host, a run of characters a key, a row of digits a card?

These are pure functions over the text that a pattern found. In doubt they decide for privacy: what could be a host is a
host, since the sites that someone visits are the most personal thing a VPN client can log (C2).
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode
from collections.abc import Callable, Container

from rocketvpn_sdk.journal.scrub.words import (
    ARTICLES,
    CODE,
    FILES,
    IN_PATH,
    LOOPBACK,
    NAMED_AFTER,
    NO_HOSTS,
    SECOND_LEVEL,
    STATES,
    TLDS,
    WORDS,
)

Judge = Callable[[str, str, Container[str]], bool]
"""Takes what was found, the character in front of it, and the host names (in lower case) that may stay."""


_MASK = re.compile(
    r"\W{1,2}|\*+|•+|●+|\.+|…+|_+|#+|-+|\?+|[xX]{3,}|[\[\](){}<>]+|\$\{\w+\}|\$[A-Z_]+|%[A-Z_]+%|%[srd]|\{[a-z_]*\}"
    r"|[<\[({]+(?:\W{0,4}|(?i:[a-z ]*(?:hidden|redact|remov|mask|filter|set|secret|password|censor|suppress|omit|nul"
    r"|none|nil|empty|undef|protect|private|sensitive|encrypt|placeholder|object|native code)[\w :]*))[>\])}]+"
)
"""Stands where a program took something out, or where something is still to be put in."""
_ALGORITHM = re.compile(
    r"(?i)(?:sha\d*|md5|aes|chacha\d*|d?tls|eap|pap|(?:ms)?chap|wpa\d?|rsa|ecdsa|ed25519|x25519|hmac)(?:[-_ ][\w. -]*)?"
)
_MACHINERY = re.compile(r"(?:wg|tun|tap|utun|eth|wlan|en|ppp|ipsec|lo|br)-?\d+|wired connection \d+|ethernet \d*|lo")
"""Names that the system gives to networks and interfaces."""
_EVERYBODY = re.compile(
    r"(?i)4d36e97[0-9a-f]-e325-11ce-bfc1-08002be10318|(?:0{8}|f{8})-?(?:0{4}-?|f{4}-?){3}(?:0{12}|f{12})"
)
"""GUIDs that are the same on every device: Windows' classes of hardware, none, and all."""
_AUTHORITIES = re.compile(
    r"(?i)let'?s encrypt|isrg|internet security research|digicert|globalsign|sectigo|comodo|usertrust|entrust|amazon"
    r"|google trust|gts |cloudflare|microsoft|apple |verisign|godaddy|starfield|certum|buypass|zerossl|[er]\d{1,2}$"
)
_NO_MAILBOX = re.compile(
    r"(?i)\d+|(?:0x)?(?=[a-f]*\d)[0-9a-f]{6,16}|0x[0-9a-f]+|v?\d+\.\d+(?:\.\d+)?(?:-.*|[a-z].*)?"
    r"|.*\.(?:service|socket|timer|target|mount|slice|scope|path|device)"
)
"""What stands behind an `@` that is no mailbox's: an object's address, a package's version, a unit of systemd."""

_CLASSES = re.compile(r"[a-z]+|[A-Z]+|[0-9]+")
_LETTERS_A_WORD = 4.2
_LONGEST_ENCODED = 8192
_KEY_OPENINGS = (
    "AKIA",
    "ASIA",
    "AIza",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_",
    "xox",
)
_PART_OF_PATH = ("/", "\\", ".", "@", ":", "-")
# The number of a session or a node; an address in memory has many zeros or `f` in front.
_NUMBER_IN_HEX = re.compile(r"(?=[a-f]*\d)(?=\d*[a-f])(?!0000|ffff)[0-9a-f]{16}")
_BASE64 = re.compile(
    r"(?=(?:[A-Za-z+/]{0,30}[0-9]){3})(?=(?:[a-z0-9+/]{0,12}[A-Z]){6})(?=(?:[A-Z0-9+/]{0,12}[a-z]){6})[A-Za-z0-9+/]{40}"
)
_UNBROKEN = re.compile(r"(?=[A-Za-z]{0,23}[0-9][A-Za-z]{0,22}[0-9])(?=[0-9]{0,23}[A-Za-z])[A-Za-z0-9]{24}")
_EVERYWHERE = re.compile(
    r"(?:0|127)(?:\.\d{1,3}){3}|128\.0\.0\.0|22[4-9]\.0\.0\.\d{1,3}|239\.255\.255\.250|169\.254\.0\.0|192\.0\.0\.\d"
    r"|255(?:\.(?:0|128|192|224|240|248|252|254|255)){3}|::1?|(?:0{1,4}:){7}0{0,3}[01]"
)
_CONSTANT = re.compile(
    r"E[A-Z]{4,}$|(?:EAI|ERR|WSA|DNS|SSL|CERT)[A-Z]*_[A-Z_]+|NXDOMAIN|SERVFAIL|[A-Z]\w+Domain\b|[a-z]+(?:[A-Z][a-z]+)+:"
)
"""Names of errors, and of what programs call in Objective-C."""
_REVERSED = re.compile(r"(?:com|org|net|io|dev)\.[a-z][\w-]*\.")
"""How programs are named: `com.apple.security`."""
_VERSION = re.compile(r"(?:\d{1,3}\.){0,3}(?:25[6-9]|2[6-9]\d|[3-9]\d\d)(?![:\w])")
"""Begins as an address of four numbers, of which one is too large."""
_NUMERIC = re.compile(r"[\[\]\d.:/%-]+|[0-9a-fA-F:.\[\]/]*:[0-9a-fA-F:.\[\]/]*")


def is_host(name: str, before: str, own: Container[str]) -> bool:
    """Judge a dotted ``name``: whether its ending makes it a host that is not the operator's ``own``.

    A module that this process has imported is no host; the character ``before`` says whether it is part of a path.
    """
    plain = name.lower().replace("[.]", ".").rstrip(".-_")
    stem, _, ending = plain.rpartition(".")
    named_after = ending in NAMED_AFTER
    if not (named_after or ending in TLDS or ending == "py" or _is_foreign(ending)):
        return False
    if plain in own or plain in LOOPBACK or plain in NO_HOSTS or name in sys.modules or _is_code(name, stem):
        return False
    if named_after:
        return "." in stem and stem.rpartition(".")[2] in TLDS
    if ending == "py":
        return stem.rpartition(".")[2] in SECOND_LEVEL
    if ending == "so":
        return "." in stem and before not in IN_PATH
    return not (ending in FILES and (before in IN_PATH or ending == "zip" or stem.startswith("lib") or "_" in stem))


def _is_foreign(ending: str) -> bool:
    """Whether a top-level domain is one of another script, which is not in our list; none begins with a digit."""
    return ending.startswith("xn--") or (not ending.isascii() and ending[0].isalpha())


def _is_code(name: str, stem: str) -> bool:
    """Whether a dotted name is a program's: `kern.info`, `app.App`, `proton.vpn.app.gtk.app`, `Tunnelblick.app`."""
    labels = stem.split(".")
    if len(labels) == 1:
        first, _, last = name.partition(".")
        return (
            stem in CODE
            or (stem == "com" and last != "py")
            or (last in ("app", "java") and first[:1].isupper())
            or (first.islower() and last[:1].isupper() and last[1:].islower())
        )
    return len(labels) > 2 and len(CODE.intersection(labels)) > 1


def is_named_host(value: str, _before: str, own: Container[str]) -> bool:
    """Judge the ``value`` of `host=`, `SNI` or `resolving`: anything but our own hosts, numbers and plain words."""
    plain = value.lower().strip("'\"[]().,:;<>")
    host = plain.partition(":")[0] if plain.count(":") == 1 else plain
    if not host or host in own or host in LOOPBACK or host in WORDS or host in NO_HOSTS or host.split()[0] in WORDS:
        return False
    if _REVERSED.match(host) and host.rpartition(".")[2] not in TLDS:
        return False
    return not (
        _NUMERIC.fullmatch(host) or _MASK.fullmatch(value) or _CONSTANT.match(value) or _MACHINERY.fullmatch(host)
    )


def is_said(value: str, _before: str, _own: Container[str]) -> bool:
    """Judge the ``value`` after a name such as `password`: whether it is one, and no state, mask or placeholder."""
    plain = value.strip("\"'\\‘’“”„«» \t").rstrip(".,;:!")
    words = plain.lower().split()
    if (
        not words
        or re.split("[,;]", words[0].strip(".,;:()"))[0] in STATES
        or plain.startswith("--")
        or _MASK.fullmatch(plain)
        or _ALGORITHM.fullmatch(plain)
    ):
        return False
    return not (plain.isdigit() and len(plain) < 3)


def is_argument(value: str, before: str, own: Container[str]) -> bool:
    """Judge the ``value`` behind a name without a sign between them: an article is none."""
    return value.lower() not in ARTICLES and is_said(value, before, own)


def is_account(value: str, before: str, own: Container[str]) -> bool:
    """Judge who somebody is said to be: the numbers of the system's own accounts, up to 9999, are nobody's."""
    plain = value.strip("\"'., ")
    if (plain.isdigit() and len(plain) < 5) or plain.endswith("="):
        return False
    return is_argument(plain, before, own)


def is_network(value: str, before: str, own: Container[str]) -> bool:
    """Judge the name of a network or profile: that of an interface says nothing."""
    return is_said(value, before, own) and _MACHINERY.fullmatch(value.strip("\"'‘’“” ").lower()) is None


def is_peer_identity(value: str, before: str, own: Container[str]) -> bool:
    """Judge what stands in brackets behind an address: a tag such as `IKE` or `ip` is nobody."""
    return is_network(value, before, own) and not value.isupper() and value.partition("=")[0] not in ("C", "O", "CN")


def is_client(value: str, _before: str, _own: Container[str]) -> bool:
    """Judge what stands before a slash and an address: a protocol is no client."""
    return value.lower() not in ("dns", "http", "https", "icmp", "inet", "inet6", "ip", "tcp", "udp", "tls", "quic")


def is_subject(value: str, before: str, own: Container[str]) -> bool:
    """Judge a name in a certificate: those of well-known authorities are public."""
    return is_said(value, before, own) and _AUTHORITIES.match(value) is None


def is_mailbox(address: str, _before: str, _own: Container[str]) -> bool:
    """Judge an ``address`` with an `@`: objects, packages and units of systemd are written so, too."""
    return _NO_MAILBOX.fullmatch(address.rpartition("@")[2]) is None


def is_hardware(address: str, _before: str, _own: Container[str]) -> bool:
    """Judge a MAC ``address``: six single digits are a ratio, a port or a version."""
    return len(address) > 11


def is_uuid(value: str, _before: str, _own: Container[str]) -> bool:
    """Judge a ``value`` in the form of a UUID: some are the same everywhere."""
    return _EVERYBODY.fullmatch(value) is None


def is_foreign_url(url: str, _before: str, own: Container[str]) -> bool:
    """Judge a ``url``: foreign unless it goes to this device or to an ``own`` host, with no user or password in it."""
    scheme, _, rest = url.partition("://")
    server = re.split(r"[/?#]", rest, maxsplit=1)[0].lower()
    host = server[: server.find("]") + 1] if server.startswith("[") else server.partition(":")[0]
    if not host:  # `file:///…`: what is personal in a path is found by itself
        return scheme.lower() != "file"
    return "@" in server or not (host.rstrip(".") in own or host.strip("[]") in LOOPBACK or host.startswith("127."))


def is_personal_ip(address: str, _before: str, _own: Container[str]) -> bool:
    """Judge an ``address``: loopback, masks and multicast are the same everywhere; 31.0.15.362 is a version."""
    return _EVERYWHERE.fullmatch(address) is None and _VERSION.match(address) is None


def is_key(run: str, before: str, _own: Container[str]) -> bool:
    """Judge a long ``run`` of letters, digits and joiners: random text changes class far more often than words do."""
    if run.startswith(_KEY_OPENINGS) or (run.endswith("=") and len(run) >= 32):
        return True
    if len(run) < 24:
        number = before not in _PART_OF_PATH and _NUMBER_IN_HEX.fullmatch(run) is not None
        return number or _is_encoded_text(run)
    if "/" in run:  # a path, unless it changes class all along; its parts may still be keys
        random = _BASE64.match(run) is not None or any(_is_random(part) for part in run.split("/"))
    else:
        random = _is_random(run)
    return random or _is_encoded_text(run)


def _is_encoded_text(run: str) -> bool:
    """Whether a ``run`` of characters is a text in base64: almost nothing else decodes to one by chance."""
    if (len(run) < 16 and run[-1] != "=") or run.islower() or len(run) > _LONGEST_ENCODED:
        return False
    text = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(text + "=" * (-len(text) % 4)).decode("utf-8").replace("\0", " ").isprintable()
    except ValueError:
        return False


def _is_random(run: str) -> bool:
    if run.isalpha() and len(run) > _LETTERS_A_WORD * sum(map(str.isupper, run)):
        return False  # words in camel case
    return len(run) >= 24 and (_UNBROKEN.search(run) is not None or len(_CLASSES.findall(run)) >= 0.4 * len(run))


def is_card(digits: str, _before: str, _own: Container[str]) -> bool:
    """Check the Luhn digit of a pattern of ``digits``, spaces and dashes aside."""
    numbers = [int(digit) for digit in reversed(digits) if digit.isdigit()]
    if not 13 <= len(numbers) <= 19:
        return False
    doubled = (number * 2 - 9 if number > 4 else number * 2 for number in numbers[1::2])
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0
