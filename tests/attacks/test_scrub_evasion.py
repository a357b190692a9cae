"""Attacks on scrubbing: hiding what is personal from it, making it slow, making it fail."""

from __future__ import annotations

import json
import string
import subprocess
import sys
from collections.abc import Callable

import pytest
from support.forms import form

from rocketvpn_sdk.journal.minimise import cut
from rocketvpn_sdk.journal.scrub import UNREADABLE, scrub

pytestmark = pytest.mark.clause("C2")


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("\x1b[31m203.0.113.9\x1b[0m", "203.0.113.9"),
        ("b'\\n203.0.113.9\\r\\n'", "203.0.113.9"),
        ("b'\\nfe80::1:2\\r\\n'", "fe80::1:2"),
        ("IP203.0.113.9", "203.0.113.9"),
        ("203.0.\u200b113.9", "113.9"),
        ("203.0.113.9\u200b", "203.0.113"),
        ("203[.]0[.]113[.]9", "113"),
        ("２０３.０.１１３.９", "１１３"),
        ("203。0。113。9", "113"),
        ("203.000.113.009", "113"),
        ("0xcb.0x00.0x71.0x09", "0x71"),
        ("http://3405803785/", "3405803785"),
        ("http://0xCB007109/", "CB007109"),
        ("IP 203.0.113.9.443 > 10.0.0.2.51820", "113.9"),
        ("FE80:0:0:0:0:0:0:1%eth0", "FE80"),
        ("0:0:0:0:0:ffff:203.0.113.9", "113"),
        ("9.113.0.203.in-addr.arpa", "113"),
        ("lena%40post.example", "lena"),
        ("lena\u00ad@post.example", "lena"),
        ("LENA@POST.EXAMPLE", "LENA"),
        ('"lena fischer"@post.example', "fischer"),
        ("lena@[203.0.113.9]", "lena"),
        ("WWW.FORUM.EXAMPLE", "FORUM"),
        ("forum[.]example", "forum"),
        ("forum。example", "forum"),
        ("hxxps://forum.example/x", "forum"),
        ("//forum.example/x", "forum"),
        ("forum.example.", "forum"),
        ("*.forum.example", "forum"),
        ("ＦＯＲＵＭ.example", "ＦＯＲＵＭ"),
        ("форум.рф", "форум"),
        ("https://rocket@forum.example#@api", "forum"),
        ("user\u200b=lena", "lena"),
        ("USER = lena", "lena"),
        ("userName='lena'", "lena"),
        ('\\"user\\": \\"lena\\"', "lena"),
        ("user=>lena", "lena"),
        ("PASSWORD:hunter2", "hunter2"),
        ("pass-word: hunter2 password: hunter3", "hunter3"),
        ("db_password=hunter2", "hunter2"),
        ("dbPassword=hunter2", "hunter2"),
        ("password='it\\'s hunter2'", "hunter2"),
        ('password="unclosed hunter2', "hunter2"),
        ("password=a,b;hunter2", "hunter2"),
        ("password=x&hunter2", "hunter2"),
        ("authorization:\tBearer\tabc.def-1", "abc.def"),
        ("%2Fhome%2Flena%2Fx", "lena"),
        ("C:\\\\Users\\\\lena\\\\x", "lena"),
        ("c:/users/lena/x", "lena"),
        ("/HOME/lena", "lena"),
        ("file:///home/lena", "lena"),
        ("/mnt/c/Users/Lena Fischer/x", "Fischer"),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw", "MC4CAQ"),
        ("version 1.2.3.4 203.0.113.9", "203.0.113"),
        ("commit 3f2a91bc key 0123456789abcdef0123456789abcdef01", "0123456789abcdef"),
    ],
)
def test_hiding_in_another_notation(text: str, personal: str) -> None:
    assert personal in text
    assert personal not in scrub(text)


def test_hiding_behind_a_cut() -> None:
    """A value cut in half is known by no pattern: the cut takes the whole word."""
    text = "x " * 100 + "lena.fischer@post.example"
    for limit in range(190, len(text)):
        assert "lena" not in scrub(cut(text, limit))


HOSTILE: dict[str, Callable[[int], str]] = {
    "letters": lambda n: "a" * n,
    "digits": lambda n: "1" * n,
    "dots": lambda n: "a." * (n // 2),
    "dashes": lambda n: "a-" * (n // 2),
    "labels": lambda n: ("a-" * 30 + ".") * (n // 61),
    "octets": lambda n: "1." * (n // 2),
    "addresses": lambda n: "10.0.0.1 " * (n // 9),
    "versions": lambda n: "v1.2.3.4 " * (n // 9),
    "colons": lambda n: "a:" * (n // 2),
    "pairs": lambda n: "ab:" * (n // 3),
    "double colons": lambda n: "::" * (n // 2),
    "at signs": lambda n: "a@" * (n // 2),
    "percents": lambda n: "%a" * (n // 2),
    "percent 40": lambda n: "a%40" * (n // 4),
    "slashes": lambda n: "/" * n,
    "backslashes": lambda n: "\\" * n,
    "homes": lambda n: "/home/a b" * (n // 9),
    "schemes": lambda n: "a://" * (n // 4),
    "url tail": lambda n: "https://" + ")" * n,
    "quotes": lambda n: 'user="' * (n // 6),
    "escapes": lambda n: 'user="' + "\\" * n,
    "escaped quotes": lambda n: 'user="' + '\\"' * (n // 2),
    "passwords": lambda n: "password=" * (n // 9),
    "cookies": lambda n: "cookie=token=" * (n // 13),
    "bearers": lambda n: "bearer " * (n // 7),
    "bearer spaces": lambda n: "bearer" + " " * n,
    "names": lambda n: "user host order session " * (n // 24),
    "asked": lambda n: "resolving host for of name " * (n // 27),
    "dotted names": lambda n: "host" + " ." * (n // 2),
    "begins": lambda n: "-----BEGIN A-----" * (n // 17),
    "pem": lambda n: "-----BEGIN A-----" + "-" * n,
    "jwt": lambda n: "eyJ_" * (n // 4),
    "jwt dots": lambda n: "eyJabcd." * (n // 8),
    "base64": lambda n: "aB3/" * (n // 4),
    "machines": lambda n: "a'" * (n // 2) + "-iPx-iP" * 3,
    "domains": lambda n: "AB\\" * (n // 3),
    "phones": lambda n: "+1 " * (n // 3),
    "phone digits": lambda n: "+1111111111111111111111 " * (n // 24),
    "cards": lambda n: "4539 1488 " * (n // 10),
    "ssid": lambda n: "ssid=" + "a " * (n // 2),
    "brackets": lambda n: "[" * n,
    "tildes": lambda n: "~a" * (n // 2),
    "unicode": lambda n: "я." * (n // 2),
    "escape codes": lambda n: "\x1b[" * (n // 2),
    "newlines": lambda n: "\n" * n,
}


LONG = form(200_000, 500_000, 2_000_000)
"""Characters. Work that grows with the square of the length would take minutes for each text."""
MARKS = f" {string.punctuation}"
"""Rows that need a mark are tried only where the text has it: this lets every one of them have its try."""
CPU_SECONDS = 60
SCRUB = f"""
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({CPU_SECONDS}, {CPU_SECONDS}))
from rocketvpn_sdk.journal.scrub import UNREADABLE, Scrubber
scrubber = Scrubber(frozenset({{"api.own.example"}}), known=["LENA-77"])
for line in sys.stdin:
    name, text = json.loads(line)
    print(name, scrubber.scrub(text) != UNREADABLE, flush=True)
"""


@pytest.mark.timeout(600)
def test_hostile_text_costs_linear_time() -> None:
    """In a process of its own, which the system ends: nothing interrupts an expression from inside.

    All of them take about five seconds of a processor's time, however busy the machine is.
    """
    lines = "".join(json.dumps([name, make(LONG) + MARKS]) + "\n" for name, make in HOSTILE.items())
    done = subprocess.run([sys.executable, "-c", SCRUB], input=lines, capture_output=True, check=False, text=True)
    assert done.stdout.splitlines() == [f"{name} True" for name in HOSTILE]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_worked_through(name: str) -> None:
    assert scrub(HOSTILE[name](4096)) != UNREADABLE
