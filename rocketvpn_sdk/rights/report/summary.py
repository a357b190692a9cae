"""The report in a few plain sentences, for people who know nothing about how any of it works."""

from __future__ import annotations

from collections.abc import Iterator

from rocketvpn_sdk.rights.report import words
from rocketvpn_sdk.rights.report.model import HeldValue, ReportContent
from rocketvpn_sdk.text import translate, translate_number


def summary(report: ReportContent) -> tuple[str, ...]:
    """Return the sentences, the most important first."""
    return (
        *_notices(report),
        *_held(report),
        *_log(report),
        *_sent(report),
        *_choices(report),
        *_blocked(report),
        *_others(report),
        *_waiting(report),
        *_rights(report),
        *_policy(report),
    )


def _notices(report: ReportContent) -> Iterator[str]:
    for notice in report.notices:
        yield translate("The operator has a notice for you, of {day}: {title}").format(
            day=words.day(notice.published), title=notice.title
        )


def _kinds(values: tuple[HeldValue, ...]) -> int:
    return len({value.field for value in values})


def _held(report: ReportContent) -> Iterator[str]:
    yield translate_number(
        "This device holds {number} kind of information about you.",
        "This device holds {number} kinds of information about you.",
        _kinds(report.here),
    )
    if report.server_answered:
        yield translate_number(
            "The operator's server says that it holds {number} kind.",
            "The operator's server says that it holds {number} kinds.",
            _kinds(report.shown_there),
        )
        yield from _undeclared(report)
        yield from _withheld(report)
    elif report.server_problem == "not-bound":
        yield translate("This device is not tied to an order, so the operator's server was not asked.")
    elif report.server_problem == "device-revoked":
        yield words.missing(report.server_problem)
    else:
        yield translate("The operator's server could not be asked just now, so its part is missing here.")


def _undeclared(report: ReportContent) -> Iterator[str]:
    marked = _kinds(tuple(held for held in report.there if held.undeclared))
    if marked:
        yield translate_number(
            "{number} kind of it is not held as the policy declares. It is marked: ask the operator about it.",
            "{number} kinds of it are not held as the policy declares. They are marked: ask the operator about them.",
            marked,
        )


def _withheld(report: ReportContent) -> Iterator[str]:
    if report.withheld:
        yield translate(
            "Its part is not complete. These are held back, so that nobody sees them who has no more than your order"
            " number: {}. A code that is sent to your order's e-mail address shows them, if there are any."
        ).format(words.listed([words.withheld(field) for field in report.withheld]))


def _log(report: ReportContent) -> Iterator[str]:
    if report.log.records and report.log.oldest:
        yield translate_number(
            "The app's log on this device has {number} entry, of {day}. It goes away by itself.",
            "The app's log on this device has {number} entries, the oldest of {day}. They go away by themselves.",
            report.log.records,
            day=words.day(report.log.oldest),
        )


def _sent(report: ReportContent) -> Iterator[str]:
    calls, lost = sum(each.times for each in report.sent), sum(each.not_delivered for each in report.sent)
    if not calls:
        yield translate("The records that are still kept on this device hold nothing that this software sent.")
        return
    day = words.day(max(each.last for each in report.sent))
    if not lost:
        yield translate_number(
            "This software contacted the operator {number} time, on {day}.",
            "This software contacted the operator {number} times, most recently on {day}.",
            calls,
            day=day,
        )
        return
    yield translate_number(
        "This software tried to contact the operator {number} time, on {day}.",
        "This software tried to contact the operator {number} times, most recently on {day}.",
        calls,
        day=day,
    )
    if lost == calls:
        yield translate("Nothing of it got through.")
    else:
        yield translate_number("{number} try did not get through.", "{number} tries did not get through.", lost)


def _choices(report: ReportContent) -> Iterator[str]:
    agreed = sum(story.effective for story in report.consents)
    if agreed:
        yield translate_number(
            "You agreed to {number} optional use of your information. You can take that back at any time.",
            "You agreed to {number} optional uses of your information. You can take that back at any time.",
            agreed,
        )
    elif report.consents:
        yield translate("You have not agreed to any optional use of your information, so there is none.")


def _blocked(report: ReportContent) -> Iterator[str]:
    for each in report.safeguards:
        if each.blocked:
            yield translate(
                "Nothing is sent to “{}” any more: the operator was to review its contract by {} and has not said that"
                " it did."
            ).format(each.sentence.removesuffix("."), words.day(each.contract.review_by) if each.contract else "")


def _others(report: ReportContent) -> Iterator[str]:
    if report.disclosures:
        yield translate_number(
            "The operator says that it gave information about you to others {number} time.",
            "The operator says that it gave information about you to others {number} times.",
            len(report.disclosures),
        )
    elif report.disclosures_problem is None:
        yield translate("The operator says that it gave nothing about you to authorities or others.")


def _waiting(report: ReportContent) -> Iterator[str]:
    if report.waiting:
        yield translate_number(
            "{number} request of yours has not been finished yet.",
            "{number} requests of yours have not been finished yet.",
            len(report.waiting),
        )


def _rights(report: ReportContent) -> Iterator[str]:
    correctable = list(dict.fromkeys(words.name(held.field) for held in report.there if held.correctable))
    if correctable:
        yield translate("You can correct: {}.").format(words.listed(correctable, ""))
    yield translate("You can have all of it deleted. What is on this device is gone at once then.")
    for held in report.there:
        if held.hold is not None:
            yield translate("The operator would keep your {what} until {day}, {why}.").format(
                what=words.name(held.field),
                day=words.day(held.hold.until),
                why=words.said(words.BASES, held.hold.basis),
            )


def _policy(report: ReportContent) -> Iterator[str]:
    pending = report.policy.pending
    if pending is None:
        return
    if pending.binds_at is None:
        yield translate("A new version of the privacy policy has come. It does not apply before you have seen it.")
    else:
        yield translate("A new version of the privacy policy is to apply from {}.").format(words.day(pending.binds_at))
