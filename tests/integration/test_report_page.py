"""The report as a page: complete in itself, everything escaped, a summary in plain words."""

from __future__ import annotations

import base64
import gettext
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from babel.messages import Catalog, mofile
from support.noticing import notice, told
from support.report_sample import lived_in, report
from support.world import World

from rocketvpn_sdk import Report
from rocketvpn_sdk.rights.report import HeldValue
from rocketvpn_sdk.rights.report.summary import summary
from rocketvpn_sdk.text import messages

EVIL = "<script>alert(1)</script>"
JARGON = """
    access token api acr audit authenticate bearer blob byte bytes cipher ciphertext client component cryptographic csp
    daemon database dpop egress encrypted encryption endpoint epoch fingerprint hash hashed hmac http https
    identifier json jwt key keyring lane ledger log-in metadata minimised nonce oauth operation payload policy-id
    protocol pseudonym queue receipt recipient record repository request-id retention root schema scrubbed sdk sealed
    session sha sha-256 signature socket sqlite ssl step-up sync telemetry tls token transport uuid vault xml
""".split()  # noqa: SIM905 - it reads better so
ALLOWED = {"payment record"}
"""What the policy calls a field."""


class Page(HTMLParser):
    """Counts elements and collects attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def made(_shared_sandbox, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report(World(_shared_sandbox, tmp_path_factory.mktemp("vault") / "vault"))


# ---------------------------------------------------------------- nothing from outside, nothing that runs


@pytest.mark.clause("A1", "T1")
def test_attack_html_in_what_is_held_becomes_text(made: Report) -> None:
    evil = [f"{EVIL}{number}" for number in range(11)]
    texts = [{"en": each} for each in evil[8:]]
    held = msgspec.structs.replace(made.there[0], value=evil[0], sentence=evil[1], purposes=(evil[2],), field=evil[3])
    entry = msgspec.structs.replace(made.log_samples[0], event=evil[4], fields={evil[5]: evil[6]})
    attacked = msgspec.structs.replace(
        made,
        there=(held,),
        here=(msgspec.structs.replace(held, place="device"),),
        log_samples=(entry,),
        contact=f"javascript:{EVIL}",
        caveats=(evil[7],),
        notices=told(notice(title=texts[0], what=texts[1], do=texts[2])),
        language='en"><script>',
    )
    page = attacked.to_html()
    assert "<script" not in page
    assert "javascript:" not in {str(attributes.get("href"))[:11] for _, attributes in Page(page).tags}
    assert all(text.replace("<", "&lt;").replace(">", "&gt;") in page for text in evil)


@pytest.mark.clause("T1")
def test_attack_html_that_reached_the_server_and_the_log_is_shown_as_text(world: World) -> None:
    email = "kim+<script>@example.org"
    with lived_in(world, email=email, line=f"cannot open {EVIL}") as rocket:
        made = rocket.rights.view(samples=5, with_code=True)
    assert email in {value.value for value in made.there}
    page = made.to_html()
    assert "kim+&lt;script&gt;@example.org" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page


@pytest.mark.clause("T1")
def test_the_page_runs_nothing_and_asks_for_nothing(made: Report) -> None:
    page = made.to_html()
    found = Page(page)
    forbidden = {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "img",
        "audio",
        "video",
        "source",
        "image",
        "use",
    }
    assert forbidden.isdisjoint(tag for tag, _ in found.tags)
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset")], tag
        if tag == "link":
            assert attributes == {"rel": "icon", "href": "data:,"}
    assert "url(" not in page
    assert "@import" not in page


def test_its_style_is_the_one_that_its_policy_names(made: Report) -> None:
    page = made.to_html()
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [attributes["content"] for tag, attributes in Page(page).tags if "http-equiv" in attributes]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


# ---------------------------------------------------------------- what it says


@pytest.mark.clause("P1")
def test_the_summary_is_in_plain_words(made: Report) -> None:
    unbound = msgspec.structs.replace(made, there=(), server_answered=False, server_problem="not-bound")
    offline = msgspec.structs.replace(unbound, server_problem="server-unreachable", sent=(), consents=())
    for each in (made, unbound, offline):
        sentences = summary(each)
        assert len(sentences) > 4
        text = " ".join(sentences).lower()
        for name in ALLOWED:
            text = text.replace(name, "")
        assert set(re.findall(r"[\w-]+", text)) & set(JARGON) == set()
        assert all(sentence.endswith(".") for sentence in sentences)


@pytest.mark.clause("P1", "P3", "T2", "C2", "A1")
def test_it_says_everything_that_the_report_says(made: Report) -> None:
    page = made.to_html()
    for value in (*made.here, *made.there):
        assert escaped(value.sentence) in page
        assert all(escaped(purpose) in page for purpose in value.purposes)
        if isinstance(value.value, str):
            assert escaped(value.value) in page, value.field
    for sent in made.sent:
        assert escaped(sent.sentence) in page
    for caveat in made.caveats:
        assert escaped(caveat) in page
    assert f'href="{made.contact}"' in page
    assert made.policy.sha256 in page
    assert "internet address" in page
    assert "No measure of security is perfect" in page


def test_every_picture_has_its_words_and_its_table(made: Report) -> None:
    page = made.to_html()
    pictures = [attributes for tag, attributes in Page(page).tags if tag == "svg"]
    assert len(pictures) == 3
    for attributes in pictures:
        assert attributes["role"] == "img"
        for name in attributes["aria-labelledby"].split():
            text = re.search(rf'<(?:title|desc) id="{name}">(.+?)</', page, re.DOTALL)
            assert text
            assert text[1].strip()
    assert page.count("<details>") == 3


def test_what_is_empty_or_missing_says_so(made: Report) -> None:
    bare = msgspec.structs.replace(
        made, here=(), there=(), server_answered=False, server_problem="server-unreachable", sent=(), sent_weeks=(),
        consents=(), waiting=(), log_samples=(), disclosures_problem="server-unreachable",
    )  # fmt: skip
    page = bare.to_html()
    assert "The server could not be reached, so this part is missing." in page
    assert "server-unreachable" not in page
    assert "The records hold nothing that left this device." in page
    assert 'id="weeks-title"' not in page


def test_a_newer_version_of_the_policy_and_what_stays_unknown_are_shown(made: Report) -> None:
    from rocketvpn_sdk.rights.report import PendingPolicy

    pending = PendingPolicy(version=2, sha256="b" * 64, effective=made.policy.effective, binds_at=None)
    undeclared = HeldValue(
        field="shoe_size", place="server", category="", sentence="?", value=[44], purposes=(), recipients=(),
        kept="unknown", undeclared=("field",),
    )  # fmt: skip
    later = msgspec.structs.replace(made, there=(*made.there, undeclared))
    policy = msgspec.structs.replace(made.policy, pending=pending)
    page = msgspec.structs.replace(later, policy=policy).to_html()
    assert "does not apply before you have seen it" in page
    assert "not before you were shown it" in page
    assert "shoe size" in page
    assert "Not declared in the policy." in page
    assert "nobody says how long" in page


# ---------------------------------------------------------------- other languages


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue with three of our sentences."""
    catalogue = Catalog(locale="de")
    catalogue.add("What is held about you", "Was über Sie gespeichert ist")
    catalogue.add(("{number} entry", "{number} entries"), ("{number} Eintrag", "{number} Einträge"))
    catalogue.add("version {} applies", "Fassung {} gilt")
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / f"{messages.DOMAIN}.mo").open("wb") as file:
        mofile.write_mo(file, catalogue)
    monkeypatch.setattr(messages, "_folder", lambda: tmp_path)
    messages._catalogue.cache_clear()
    yield
    monkeypatch.undo()
    messages._catalogue.cache_clear()


@pytest.mark.usefixtures("german")
def test_another_language_needs_nothing_but_a_catalogue(made: Report) -> None:
    page = made.to_html("de-AT")
    assert '<html lang="de-AT">' in page
    assert "<h1>Was über Sie gespeichert ist</h1>" in page
    assert "Einträge" in page
    assert f'<span lang="en">{made.policy.title}</span>' in page
    assert '<html lang="en">' in made.to_html("fr")


@pytest.mark.usefixtures("german")
def test_what_a_report_says_itself_is_in_the_language_that_was_asked_for(world: World) -> None:
    with lived_in(world) as rocket:
        for language, said in (("de-AT", r"Fassung \d+ gilt"), ("en", r"version \d+ applies")):
            assert any(re.match(said, str(value.value)) for value in rocket.rights.view(language=language).here)


def test_attack_a_language_that_names_a_folder_finds_none(made: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    find = gettext.find

    def watched(domain: str, folder: object, languages: list[str], *rest: object, **named: object) -> object:
        asked.extend(languages)
        return find(domain, folder, languages, *rest, **named)

    monkeypatch.setattr(gettext, "find", watched)
    messages._catalogue.cache_clear()
    page = made.to_html('../../../etc"')
    assert '<html lang="en">' in page
    assert not [name for name in asked if "/" in name or "." in name]


def escaped(text: str) -> str:
    for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        text = text.replace(plain, safe)
    return text
