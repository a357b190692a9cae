"""The sentences people read, and the catalogue from which they are translated."""

from __future__ import annotations

from importlib import resources

import pytest
from support import catalogue

from rocketvpn_sdk import errors
from rocketvpn_sdk.rights.report import CAVEATS
from rocketvpn_sdk.rights.report import words as report_words
from rocketvpn_sdk.text import has_catalogue, marked, messages, speaking, translate, translate_number


def test_the_catalogue_is_what_the_code_says_today():
    assert catalogue.PATH.read_text("utf-8") == catalogue.text(), "run `python tests/support/catalogue.py`"


def test_the_catalogue_has_what_people_read():
    made = catalogue.catalogue()
    said = {message.id if isinstance(message.id, str) else message.id[0] for message in made if message.id}
    assert set(CAVEATS) <= said
    assert {errors.NotBound.MESSAGE, errors.NotBound.REMEDY} <= said
    tables = (report_words.BASES, report_words.DECIDED, report_words.WAITS, report_words.ASKED, report_words.TOLD)
    assert {text for table in tables for text in table.values()} <= said
    assert "What is held about you" in said  # the page's own


def test_what_translators_need_is_in_the_package():
    locale = resources.files("rocketvpn_sdk").joinpath("locale")
    assert locale.joinpath("rocketvpn.pot").is_file()
    assert locale.joinpath("babel.cfg").is_file()
    report = resources.files("rocketvpn_sdk").joinpath("rights", "report")
    assert report.joinpath("page.html").is_file()
    assert report.joinpath("page.css").is_file()


def test_without_a_catalogue_sentences_stay_as_they_are():
    assert translate("A sentence.") == marked("A sentence.") == "A sentence."
    assert translate("") == ""
    with speaking("tlh"):
        assert translate("A sentence.") == "A sentence."


def test_numbers_choose_their_sentence():
    assert translate_number("{number} thing, {what}", "{number} things, {what}", 1, what="red") == "1 thing, red"
    assert translate_number("{number} thing", "{number} things", 1234) == "1,234 things"


def test_speaking_ends_where_it_began():
    with speaking("de"):
        with speaking("fr"):
            assert messages._spoken.get() == "fr"
        assert messages._spoken.get() == "de"
    assert messages._spoken.get() is None


@pytest.mark.parametrize(("language", "there"), [("en", True), ("en-GB", True), ("tlh", False), ("../de", False)])
def test_english_needs_no_catalogue_and_others_do(language: str, there: bool):
    assert has_catalogue(language) is there
