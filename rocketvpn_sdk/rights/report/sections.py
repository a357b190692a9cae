"""The tables of the page: what each part of the report says, cell by cell. Texts only; the template has the markup."""

from __future__ import annotations

from collections.abc import Callable

from rocketvpn_sdk.policy import wording
from rocketvpn_sdk.rights.report import words
from rocketvpn_sdk.rights.report.cells import Cell, Section, Table
from rocketvpn_sdk.rights.report.charts import Homes
from rocketvpn_sdk.rights.report.model import ConsentStep, ConsentStory, HeldValue, ReportContent
from rocketvpn_sdk.rights.report.promised import features, safeguards
from rocketvpn_sdk.text import translate

_TO_BE_SENT = "queue_item"


def sections(report: ReportContent) -> tuple[Section, ...]:
    """Return every part after the pictures."""
    return tuple(make(report) for make in _PARTS)


def _here(report: ReportContent) -> Section:
    lead = translate("It rests here encrypted; only what runs under your own name can get at it.")
    return Section("here", translate("On this device"), lead, _held_tables(report, report.here))


def _there(report: ReportContent) -> Section:
    lead = translate("This is what the operator's server answered when it was asked for everything that it holds.")
    empty = words.missing(report.server_problem) if report.server_problem else translate("It says: nothing.")
    return Section("there", translate("On the operator's server"), lead, _held_tables(report, report.there), empty)


def _held_tables(report: ReportContent, values: tuple[HeldValue, ...]) -> tuple[Table, ...]:
    """Return a table for each category."""
    heads = (
        translate("What"),
        translate("Value"),
        translate("Why"),
        translate("Who else gets it"),
        translate("How long"),
    )
    names = {term.id: term.sentence for term in report.recipients}
    known = [(term.id, term.sentence) for term in report.categories]
    tables = []
    for category, sentence in (*known, ("", translate("Not declared in the policy."))):
        rows = tuple(_held_row(held, names) for held in values if held.category == category)
        if rows:
            tables.append(Table(sentence, heads, rows))
    return tuple(tables)


def _held_row(held: HeldValue, names: dict[str, str]) -> tuple[Cell, ...]:
    receivers = " ".join(names.get(each, each) for each in held.recipients)
    correct = translate("You can correct it.") if held.correctable else ""
    return (
        Cell(words.name(held.field), held.sentence, words.undeclared(held)),
        Cell(words.value(held), note=" ".join(filter(None, (words.pending(held), correct)))),
        Cell(quoted=" ".join(held.purposes)),
        Cell(quoted=receivers) if receivers else Cell(_nobody(held)),
        Cell(_until(held), note=_since(held)),
    )


def _nobody(held: HeldValue) -> str:
    """Return who gets what no recipient of the report is named for."""
    if held.field == _TO_BE_SENT:
        return translate("The operator: this copy is here to be sent as soon as the server takes it.")
    if held.place == "device":
        return translate("Nobody: this copy stays on this device.")
    return translate("Nobody else.")


def _since(held: HeldValue) -> str:
    return translate("since {}").format(words.day(held.since)) if held.since else ""


def _until(held: HeldValue) -> str:
    if held.hold is not None:
        why = words.said(words.BASES, held.hold.basis)
        return translate("until {}, {}").format(words.day(held.hold.until), why)
    if held.until is not None:
        return translate("{}, at most until {}").format(words.lasting(held.kept), words.day(held.until))
    return words.lasting(held.kept)


def _choices(report: ReportContent) -> Section:
    heads = (translate("What for"), translate("Now"), translate("What was decided, and when"))
    rows = tuple(_choice_row(story) for story in report.consents)
    lead = translate("Nothing of this happens unless you agreed to it, and you can take that back at any time.")
    table = Table(translate("Optional uses of your information"), heads, rows)
    return Section("choices", translate("Your choices"), lead, (table,), translate("The policy asks about nothing."))


def _choice_row(story: ConsentStory) -> tuple[Cell, ...]:
    about = words.name(story.purpose)
    if story.recipient:
        about = translate("{}, for {}").format(about, story.recipient)
    history = "; ".join(_step(step) for step in story.history)
    return (
        Cell(about, story.sentence),
        Cell(words.said(words.DECIDED, story.state), note=words.said(words.TOLD, story.server) if history else ""),
        Cell(history or translate("Nobody has decided.")),
    )


def _step(step: ConsentStep) -> str:
    decided, by = words.said(words.DECIDED, step.state), words.said(words.DECIDED_BY, step.by)
    said = translate("{}: {} {}, version {} was shown").format(words.moment(step.at), decided, by, step.policy_version)
    return said + (translate(", until {}").format(words.day(step.until)) if step.until else "")


def _sent(report: ReportContent) -> Section:
    heads = (translate("What for"), translate("How often"), translate("What went along"), translate("To whom"))
    why = {term.id: term.sentence for term in report.purposes}
    who = {term.id: term.sentence for term in report.recipients}
    rows = []
    for each in report.sent:
        lost = translate("{} of them did not get through").format(each.not_delivered) if each.not_delivered else ""
        last = translate("last on {}").format(words.moment(each.last))
        along = words.listed([words.name(field) for field in each.fields], translate("nothing about you"))
        rows.append(
            (
                Cell(quoted=f"{each.sentence} {why.get(each.purpose, each.purpose)}"),
                Cell(words.times(each.times), note=f"{last}; {lost}" if lost else last),
                Cell(along),
                Cell(quoted=who.get(each.recipient, each.recipient)),
            )
        )
    lead = translate("It names what went along, not the words themselves. It covers what went through this component.")
    table = Table(translate("What left this device through this component"), heads, tuple(rows))
    empty = translate(
        "The records hold nothing that left this device. They go back as far as the policy has them kept, or to the"
        " last deletion."
    )
    return Section("sent", translate("What was sent"), lead, (table,), empty)


def _given(report: ReportContent) -> Section:
    heads = (translate("When"), translate("To whom"), translate("Why"), translate("What"))
    rows = tuple(
        (
            Cell(words.day(each.day)),
            Cell(each.sentence or each.recipient, note=" ".join(each.bound_by)),
            Cell(words.said(words.BASES, each.basis), note=words.undeclared(each)),
            Cell(words.listed([words.name(category) for category in each.categories], "")),
        )
        for each in report.disclosures
    )
    problem = report.disclosures_problem
    empty = words.missing(problem) if problem else translate("The operator says: to nobody.")
    table = Table(translate("What the operator says that it gave to authorities and others"), heads, rows)
    return Section("given", translate("Given to authorities and others"), "", (table,), empty)


def _requests(report: ReportContent) -> Section:
    waits = tuple(
        (
            Cell(quoted=each.sentence),
            Cell(words.moment(each.since)),
            Cell(words.said(words.WAITS, each.state), note=each.problem or ""),
            Cell("; ".join(f"{words.name(name)}: {words.plain(found)}" for name, found in each.content.items())),
        )
        for each in report.waiting
    )
    known = tuple(
        (
            Cell(f"{words.said(words.ASKED, each.exercise)}: {words.said(words.ASKED, each.scope)}", note=each.id),
            Cell(words.moment(each.received_at) if each.received_at else ""),
            Cell(words.said(words.ASKED, each.status), note=each.reason or ""),
            Cell(words.day(each.expected_by) if each.expected_by else ""),
        )
        for each in report.requests
    )
    asked, since, state = translate("Request"), translate("Since"), translate("How far it is")
    tables = (
        Table(translate("Waiting on this device"), (asked, since, state, translate("What it says")), waits),
        Table(translate("Known to the server"), (asked, since, state, translate("Expected by")), known),
    )
    lead = words.missing(report.requests_problem) if report.requests_problem else ""
    return Section("requests", translate("Your requests"), lead, tables, translate("Nothing is waiting."))


def _log(report: ReportContent) -> Section:
    log = report.log
    lead = translate("Nothing is in it.")
    if log.oldest and log.newest:
        lead = translate("{}, from {} to {}. Every time is to the minute, in UTC.").format(
            words.entries(log.records), words.moment(log.oldest), words.moment(log.newest)
        )
    if log.removed:
        lead += " " + translate("{} more were removed early, since the log was full.").format(f"{log.removed:,}")
    kinds = tuple((Cell(kind), Cell(f"{count:,}")) for kind, count in sorted(log.by_event.items()))
    newest = tuple(
        (
            Cell(words.moment(each.at)),
            Cell(each.event),
            Cell(
                "; ".join(f"{words.name(name)}: {words.plain(v)}" for name, v in each.fields.items() if v is not None)
            ),
        )
        for each in report.log_samples
    )
    what = (translate("When"), translate("What happened"), translate("What is written down"))
    tables = (
        Table(translate("The log by kind"), (translate("What happened"), translate("How often")), kinds),
        Table(translate("The newest entries"), what, newest),
    )
    return Section("log", translate("The app's log"), lead, tables)


def _policy(report: ReportContent) -> Section:
    applied, pending = report.policy, report.policy.pending
    rows: list[tuple[str, str]] = [
        (translate("Name"), f"{applied.title} ({applied.id})"),
        (translate("Version"), str(applied.version)),
        (translate("Published"), words.day(applied.published)),
        (translate("In effect since"), words.day(applied.effective)),
        (translate("SHA-256 of its text"), applied.sha256),
    ]
    if pending is not None:
        binds = words.moment(pending.binds_at) if pending.binds_at else translate("not before you were shown it")
        rows += [
            (translate("A newer version"), str(pending.version)),
            (translate("Applies from"), binds),
            (translate("SHA-256 of the newer text"), pending.sha256),
        ]
    table = Table(
        translate("The version that applies on this device"),
        (translate("Fact"), translate("Value")),
        tuple((Cell(name), Cell(text)) for name, text in rows),
    )
    return Section("policy", translate("The policy that applies"), "", (table,))


_PARTS: tuple[Callable[[ReportContent], Section], ...] = (
    _here,
    _there,
    _choices,
    features,
    _sent,
    safeguards,
    _given,
    _requests,
    _log,
    _policy,
)


def places_table(homes: Homes) -> Table:
    """Return the picture of the categories as a table."""
    heads = (translate("Category"), translate("Kinds on this device"), translate("Kinds on the server"))
    rows = tuple((Cell(row.name, row.category), Cell(str(row.here)), Cell(str(row.there))) for row in homes.rows)
    return Table(translate("Where each category is held"), heads, rows)


def time_table(report: ReportContent) -> Table:
    """Return the time line as a table."""
    heads = (translate("What"), translate("On this device"), translate("On the server"))
    kept: dict[str, dict[str, str]] = {}
    for held in (*report.here, *report.shown_there):
        kept.setdefault(held.field, {})[held.place] = words.lasting(held.kept)
    nowhere = wording.lasting(None)
    rows = tuple(
        (Cell(words.name(field)), *(Cell(places.get(place, nowhere)) for place in ("device", "server")))
        for field, places in sorted(kept.items())
    )
    return Table(translate("How long each kind is kept"), heads, rows)


def week_table(report: ReportContent) -> Table:
    """Return the weeks as a table."""
    why = {term.id: term.sentence for term in report.purposes}
    heads = (translate("Week that begins on"), translate("Purpose"), translate("How often"))
    rows = tuple(
        (
            Cell(words.day(week.begins)),
            Cell(words.name(week.purpose), why.get(week.purpose, "")),
            Cell(words.times(week.times)),
        )
        for week in report.sent_weeks
    )
    return Table(translate("What was sent, week by week"), heads, rows)
