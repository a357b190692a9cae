"""The report as one page: no script, no outside request, everything that is shown escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

import jinja2

from rocketvpn_sdk._version import __version__
from rocketvpn_sdk.package_data import read_package_data
from rocketvpn_sdk.rights.report import charts, sections, words
from rocketvpn_sdk.rights.report.model import ReportContent
from rocketvpn_sdk.rights.report.summary import summary
from rocketvpn_sdk.text import ENGLISH, has_catalogue, speaking, translate, translate_number
from rocketvpn_sdk.visible import visible

_TEMPLATE, _STYLE = "page.html", "page.css"


def render(report: ReportContent, language: str = ENGLISH) -> str:
    """Return the page; see ``Report.to_html``."""
    spoken = language if has_catalogue(language) else ENGLISH
    with speaking(spoken):
        homes = charts.homes(report)
        return _template().render(
            report=report,
            language=spoken,
            quoted_language=None if report.language == spoken else report.language,
            style=_style(),
            style_hash=_hash(_style()),
            version=__version__,
            summary=summary(report),
            timeline=charts.timeline(report),
            weeks=charts.weeks(report),
            homes=homes,
            time_table=sections.time_table(report),
            week_table=sections.week_table(report),
            places_table=sections.places_table(homes),
            sections=sections.sections(report),
            caveats=tuple(map(translate, report.caveats)),
            link=report.contact if report.contact.startswith("https://") else None,
            moment=words.moment,
            day=words.day,
            kinds=_kinds,
            _=translate,
        )


def _kinds(number: int) -> str:
    return translate_number("{number} kind", "{number} kinds", number) if number else translate("nothing")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    return environment.get_template(_TEMPLATE)


def _shown(value: object) -> object:
    """Let nothing that was held or said by a server turn the page's text around, or hide in it."""
    return visible(value, breaks=True) if type(value) is str else value  # jinja's own markup is a subclass


@cache
def _style() -> str:
    return _read(_STYLE)


def _hash(style: str) -> str:
    """Return what lets this style, and no other, apply (CSP Level 3 §6.7.3)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"


def _read(name: str) -> str:
    return read_package_data("rocketvpn_sdk.rights.report", name)
