"""Attacks on scrubbing: hiding what is personal from it, making it slow, making it fail."""

from __future__ import annotations

import json
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from support.forms import form

from rocketvpn_sdk.journal.minimise import cut
from rocketvpn_sdk.journal.scrub import UNREADABLE, scrub, scrubber

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
        ("['openvpn', '--password', 'hunter2']", "hunter2"),
        ('["openvpn","--auth-token","Zx-9kQ77"]', "Zx-9kQ77"),
        ("('--password', 'hunter2')", "hunter2"),
        ("args=['sshpass', '-p', 'hunter2', 'ssh']", "hunter2"),
        ("false --password hunter2x", "hunter2x"),
        ("password\thunter2", "hunter2"),
        ("password:\n  hunter2", "hunter2"),
        ("password%3Dhunter2", "hunter2"),
        ("password%253Dhunter2", "hunter2"),
        ("password&#61;hunter2", "hunter2"),
        ("{&quot;password&quot;:&quot;hunter2&quot;}", "hunter2"),
        ("password\\u003dhunter2", "hunter2"),
        ("name='password', value='hunter2'", "hunter2"),
        ("Password(value='hunter2')", "hunter2"),
        ('password: Some("hunter2")', "hunter2"),
        ("PGPASSWORD=hunter2", "hunter2"),
        ("203%2E0%2E113%2E9", "113"),
        ("lena%2540post.example", "lena"),
        ("x:bGVuYS5maXNjaGVyQHBvc3Q=:y", "bGVuYS5maXNjaGVy"),
        ("203.0.113\u2060.9", "113"),
        ("203.0.113\U000e0020.9", "113"),
        ("user\u00a0=\u2003lena", "lena"),
        ("password\u3164=hunter2", "hunter2"),
        ("Ｐasswort：hunter2", "hunter2"),
        ("{@A.PY", "@A"),
        ("*@A.ZIP", "@A"),
        ("C:\\Benutzer\\lena\\x", "lena"),
        ("/Пользователи/лена/x", "лена"),
        ("密码：hunter2", "hunter2"),
        ("password=[ip]hunter2", "hunter2"),
        ("password=[secret]hunter2", "hunter2"),
        ("password=<hidden>hunter2", "hunter2"),
        ("password=nullhunter2", "hunter2"),
        ("user=uid=lena", "lena"),
        ("password=%hunter2", "hunter2"),
        ("password=$hunter2", "hunter2"),
        ("password={hunter2}", "hunter2"),
        ("password=[hunter2]", "hunter2"),
        ("password=(hunter2)", "hunter2"),
        ("user=MARIA_LIND", "MARIA"),
        ("host=NAS_LENA", "LENA"),
        ("%C4%B0 password%3Dhunter2", "hunter2"),
        ("%EF%BC%92%EF%BC%90%EF%BC%93.0.113.9 up", "113"),
        ("203.0.113%E2%80%8B.9 up", "113"),
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
    "states": lambda n: "cookie: none " * (n // 13),
    "names without values": lambda n: "user=" * (n // 5),
    "placeholders": lambda n: "password=[ip]" * (n // 13),
    "placeholders between": lambda n: "user: [user], " * (n // 14),
    "options": lambda n: "--token " * (n // 8),
    "short options": lambda n: "curl -u " * (n // 8),
    "wrappers": lambda n: "user: Some(Some(" * (n // 16),
    "pipes": lambda n: "echo a " * (n // 7),
    "netsh": lambda n: "netsh wlan name " * (n // 16),
    "logins": lambda n: "login ok " * (n // 9),
    "certificates": lambda n: "CN=a, O=" * (n // 8),
    "groups of four": lambda n: "1234 " * (n // 5),
    "groups of hex": lambda n: "8c2f6e10 " * (n // 9),
    "owners": lambda n: "a’s iPhone-" * (n // 11),
    "clients": lambda n: "a/1.1.1.1" * (n // 9),
    "entities": lambda n: "&quot;" * (n // 6),
    "escaped letters": lambda n: "\\u0041" * (n // 6),
    "escapes in escapes": lambda n: "%25" * (n // 3),
    "special mailboxes": lambda n: "{" * n + "@",
    "passwort": lambda n: "Пароль: " * (n // 8),
    "lists": lambda n: "'password', " * (n // 12),
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


class Counted:
    """An expression that counts what is asked of it, and how much text it takes."""

    def __init__(self, expression: re.Pattern[str], work: list[int]) -> None:
        self.groups, self._expression, self._work = expression.groups, expression, work

    def match(self, text: str, place: int) -> re.Match[str] | None:
        match = self._expression.match(text, place)
        self._work[0] += 1 + (len(match[0]) if match else 0)
        return match

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        for match in self._expression.finditer(text):
            self._work[0] += 1 + len(match[0])
            yield match


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_makes_no_more_matches_than_it_is_long(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text twice as long may be matched twice as often, and twice as much of it: never four times."""
    work = [0]
    search = scrubber._search

    def counted(number: int, key: str = "") -> scrubber._Search:
        found = search(number, key)
        return found._replace(expression=Counted(found.expression, work))

    monkeypatch.setattr(scrubber, "_search", counted)
    monkeypatch.setattr(scrubber, "_searches", cache(scrubber._searches.__wrapped__))
    monkeypatch.setattr(scrubber, "_unnamed", cache(scrubber._unnamed.__wrapped__))
    spent = []
    for length in (2_000, 4_000, 8_000):
        work[0] = 0
        assert scrub(HOSTILE[name](length) + MARKS) != UNREADABLE
        spent.append(work[0])
    assert spent[1] <= 2.5 * spent[0] + 500
    assert spent[2] <= 2.5 * spent[1] + 500


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_worked_through(name: str) -> None:
    assert scrub(HOSTILE[name](4096)) != UNREADABLE
