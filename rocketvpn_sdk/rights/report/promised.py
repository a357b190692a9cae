"""The tables of what works and what would make it work, and of what binds those who receive something."""

from __future__ import annotations

from rocketvpn_sdk.features import FeatureStatus
from rocketvpn_sdk.rights.report import words
from rocketvpn_sdk.rights.report.cells import Cell, Section, Table
from rocketvpn_sdk.rights.report.model import ReportContent, Safeguard
from rocketvpn_sdk.text import translate


def features(report: ReportContent) -> Section:
    """Return which features work, and which choices would make one work (P2)."""
    heads = (translate("Feature"), translate("Works"), translate("What would make it work"))
    lead = translate("What is not named here you can refuse, and everything goes on working.")
    table = Table(translate("What works on this device"), heads, tuple(map(_feature, report.features)))
    return Section(
        "features",
        translate("What works"),
        lead,
        (table,),
        translate("The policy does not say what its features need."),
    )


def _feature(status: FeatureStatus) -> tuple[Cell, ...]:
    given = " ".join(status.needs_given)
    note = translate("It needs this, which you can leave out: {}").format(given) if given else ""
    choices = " ".join(choice.sentence for choice in status.choices)
    return (
        Cell(words.name(status.feature), status.sentence, note),
        Cell(translate("yes") if status.works else translate("no"), note=status.reason),
        Cell(quoted=choices) if choices or status.works else Cell(translate("No choice of yours.")),
    )


def safeguards(report: ReportContent) -> Section:
    """Return what holds each recipient to the policy, and whether it still counts (S2)."""
    heads = (translate("Who"), translate("What holds them to the policy"), translate("Contract"), translate("Country"))
    table = Table(translate("Who may receive something about you"), heads, tuple(map(_safeguard, report.safeguards)))
    return Section("safeguards", translate("Who receives something"), "", (table,), translate("Nobody."))


def _safeguard(each: Safeguard) -> tuple[Cell, ...]:
    contract = each.contract
    if contract is None:
        said = Cell(translate("none: this policy binds them") if each.kind == "operator" else translate("not named"))
    else:
        days = words.day(contract.signed), words.day(contract.review_by)
        note = translate("SHA-256 of its text: {}").format(contract.sha256)
        said = Cell(translate("signed on {}, to be reviewed by {}").format(*days), note=note)
    blocked = translate("Its contract was not reviewed in time, so this software sends nothing there.")
    return (
        Cell(words.name(each.recipient), each.sentence, blocked if each.blocked else ""),
        Cell(quoted=each.safeguard),
        said,
        Cell(each.country or translate("not named")),
    )
