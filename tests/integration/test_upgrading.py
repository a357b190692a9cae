"""What earlier versions left behind, of the policy and of the format, is opened, used and deleted by this one."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.app_events import Crashed, NetworkChanged, SessionConnected
from support.earlier import CLIENTS, DATA, as_format_1, earlier
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import EgressBlocked
from rocketvpn_sdk.policy import Difference, bundled_policy, compare, load_policy
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault.header import FORMAT

EVENTS = [SessionConnected, NetworkChanged, Crashed]
SHIPPED = {
    1: "d26bbd75f3e0bf616c06b49c3eb137442a0ca4bf46e782620692fc95321dbe30",
    2: "ee49d369f5a0552ea031a139b13b1b54d96376b95fef6a40725eca904e8844f1",
    3: "407ca9e4df693f5d45e9fdd2eda1db38ac42097ff30498bc91947d6120e1a1ab",
    4: "6ac1c6b9b5be38ca074dfb24951777857fbaa465ce3e98074e7aa9b0641cfc5d",
    5: "7c8f0c5b8247d474d51e40d7aa95b96a615d67149bdc37570f57eee785e129fd",
    6: "854f924fa87cead4f5f5d5a9814a651b04bc2d348558062e68d64943cb4ea709",
}
"""``Policy.identity`` of each version of the bundled policy: the SHA-256 of its canonical text without host names.

Never change a line: whoever has that version takes no other text for it. A change of the text raises ``version``, adds
a line, and puts the text that was and a client of it into tests/data (``make_client``), before the change. On the
branch that adds a line it still follows the text.
"""
_ASKED = {"surveys", "surveys/relay", "cross_service", "cross_service/partner"}
TAKEN: dict[int, tuple[str, frozenset[str]]] = {
    5: (
        "`call_added`: offers.take, surveys.answer, surveys.relay;"
        " `field_added`: offer_id, offer_record, partner_address, survey_choice, survey_id, survey_question,"
        " survey_rating, survey_record, survey_text;"
        " `purpose_added`: app_version, platform, relay_address, sealed_message; `recipient_added`: partner;"
        " `sent_anew`: surveys.answer",
        frozenset(_ASKED),
    ),
    **dict.fromkeys(
        (1, 2, 3, 4),
        (
            "`call_added`: diagnostics.erase, diagnostics.relay, diagnostics.relay_erasure, diagnostics.send,"
            " offers.take, surveys.answer, surveys.relay;"
            " `field_added`: offer_id, offer_record, partner_address, relay_address, sealed_message, survey_choice,"
            " survey_id, survey_question, survey_rating, survey_record, survey_text;"
            " `purpose_added`: app_version, platform; `recipient_added`: partner, relay;"
            " `sent_anew`: diagnostics.erase, diagnostics.send, surveys.answer",
            frozenset({"improvement", "improvement/relay", "rights/relay", *_ASKED}),
        ),
    ),
}
"""By older version, what the newest one takes after its notice, as docs/policy.md has it, and the consents that end.

Change a line once you have decided that users are to lose that.
"""
STEPS = "see docs/architecture.md, 'A field'"


# ---------------------------------------------------------------- the texts


@pytest.mark.clause("X1")
def test_each_change_of_the_bundled_text_is_a_version_of_its_own() -> None:
    newest = bundled_policy()
    assert list(SHIPPED) == list(range(1, newest.version + 1)), f"SHIPPED lacks a version: {STEPS}"
    assert newest.identity == SHIPPED[newest.version], f"the text changed, and not its version: {STEPS}"
    for version in range(1, newest.version):
        assert load_policy(DATA / "policies" / f"rocketvpn-{version}.toml").identity == SHIPPED[version]
    clients = [f"client-{version}" for version in range(1, newest.version)]
    assert [path.name for path in CLIENTS] == clients, f"tests/data has no client of the version before: {STEPS}"


@pytest.mark.clause("X2")
@pytest.mark.parametrize("version", range(1, bundled_policy().version))
def test_no_upgrade_to_the_bundled_policy_takes_anything_at_once(version: int) -> None:
    """What it takes waits for its notice; ``TAKEN`` and the table in docs/policy.md say what that is."""
    change = compare(load_policy(DATA / "policies" / f"rocketvpn-{version}.toml"), bundled_policy())
    taken = told(change.widened), change.reconsent
    assert taken == TAKEN.get(version), f"TAKEN[{version}] is to be {taken}, if that is what you want: {STEPS}"
    newly = {(each.field, *each.operations) for each in change.newly_necessary}
    expected = {("recovery_code",), ("", "recovery.make")} if version < 3 else set()
    assert newly == expected, "version 3: only who wants a recovery code needs it"


@pytest.mark.clause("X2")
@pytest.mark.parametrize("version", range(1, bundled_policy().version))
def test_the_page_says_what_an_upgrade_brings(version: int) -> None:
    change = compare(load_policy(DATA / "policies" / f"rocketvpn-{version}.toml"), bundled_policy())
    cells = (told(part) for part in (change.narrowed, change.widened, change.newly_necessary))
    page = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")
    row = f"| {version} | {' | '.join(cells)} |"
    if f"{row}\n" not in page:  # (an assertion would shorten the row, which is to be copied)
        pytest.fail(f"docs/policy.md, 'Upgrading from an older bundled policy', lacks this row:\n{row}", pytrace=False)


def told(differences: tuple[Difference, ...]) -> str:
    """Return a cell of the page's table: each kind of difference, with what it is about."""
    about: dict[str, set[str]] = {}
    for each in differences:
        name = each.field or each.feature
        names = each.operations or ((name,) if name else each.purposes or each.recipients)
        about.setdefault(each.kind, set()).update(names or (each.after or each.before,))
    return "; ".join(f"`{kind}`: {', '.join(sorted(names))}" for kind, names in sorted(about.items())) or "nothing"


# ---------------------------------------------------------------- the clients


LEFT = [(CLIENTS[0], True), *((client, False) for client in CLIENTS)]
"""Each client, and whether to put its vault into format 1 first, which no script here could make any more."""


def opened(world: World, clock: FakeClock) -> RocketVPN:
    return RocketVPN.open(world.config(clock=clock, events=EVENTS))


@pytest.mark.clause("X1", "X3", "A1", "A2", "A3", "U4")
@pytest.mark.parametrize(
    ("made_by", "oldest"), LEFT, ids=[f"{path.name}{', format 1' if oldest else ''}" for path, oldest in LEFT]
)
def test_an_earlier_client_is_opened_used_and_deleted(made_by: Path, oldest: bool, tmp_path: Path) -> None:
    with earlier(made_by, "client", tmp_path) as (world, clock, made):
        if oldest:
            as_format_1(world)
        with opened(world, clock) as rocket:
            assert written_format(world.folder) == FORMAT
            newest = rocket.policy.pending
            takes = newest is not None and bool(compare(rocket.policy.current, newest).widened)
            assert (newest is not None) is (takes or made["policy"] < 3)
            if made["policy"] < 3:
                with pytest.raises(EgressBlocked):  # it waits until it is accepted
                    rocket.rights.make_recovery_code()
            if newest is not None:
                notice = rocket.policy.notice()
                assert notice is not None
                rocket.policy.shown(notice)
                rocket.policy.accept(notice)
            # What takes something goes on waiting for its notice, whatever was accepted.
            assert (rocket.policy.pending is not None, rocket.policy.set_aside) == (takes, None)
            assert (rocket.policy.pending or rocket.policy.current).sha256 == world.sandbox.policy.sha256
            found = [entry.event for entry in rocket.journal.read()]
            assert sorted(set(found)) == ["app.crashed", "log.message", "network.changed", "session.connected"]
            assert len(found) > len(set(found))
            assert rocket.verify().blocks
            assert rocket.status().waiting == 1  # a withdrawal of then
            rocket.sync()
            assert rocket.status().waiting == 0

            states = {
                part.purpose: (part.state, part.effective)
                for part in rocket.consent.status().purposes
                if part.recipient is None
            }
            assert states["improvement"] == ("granted", True)
            # What version 1 let users agree to, versions 2 to 5 used nothing for, and version 6 asks about again.
            assert states["cross_service"] == (("granted", True) if made["policy"] == 1 else ("unset", False))
            assert states["surveys"] == ("withdrawn", False)
            told = [row for row in world.sandbox.rows()["consents"] if row["device_id"] == device(rocket)]
            there = {row["purpose"]: row["state"] for row in told}
            assert there["surveys"] == "withdrawn"

            logged(rocket, "a line of today")
            rocket.journal.record(Crashed(failure="dns"))
            assert [entry.event for entry in rocket.journal.read()][len(found) :] == ["log.message", "app.crashed"]

            assert (rocket.policy.check() is not None) is takes
            assert rocket.device.order().state == "active"
            rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra")
            assert {entry.operation for entry in rocket.rights.sent()} >= {"data.correct", "tunnel.register"}
            rocket.rights.correct({"language": "fr"})
            assert {held.field: held.value for held in rocket.rights.view().there}["language"] == "fr"

            rocket.consent.withdraw("improvement")
            assert "app.crashed" not in {entry.event for entry in rocket.journal.read()}
            if made["policy"] == 1:
                rocket.consent.withdraw("cross_service")
            rocket.device.order()
            assert world.sandbox.requests[-1].header("sec-gpc") == "1"
            outcome = rocket.rights.delete(rocket.rights.plan_delete("account"))
            assert outcome.server.state == "confirmed"
        assert not world.folder.exists()
        assert not world.secrets.names()
        assert made["order"] not in str(world.sandbox.rows()["devices"])


@pytest.mark.clause("U3", "X2", "X3")
def test_who_had_agreed_to_improvement_is_asked_again_before_anything_is_reported(tmp_path: Path) -> None:
    with earlier(CLIENTS[3], "client", tmp_path) as (world, clock, _), opened(world, clock) as rocket:
        with pytest.raises(EgressBlocked, match="'relay'"):
            rocket.diagnostics.prepare()
        notice = rocket.policy.notice()
        assert notice is not None
        rocket.policy.shown(notice)
        clock.advance(31 * 86400)
        rocket.sync()
        assert rocket.policy.current.version == bundled_policy().version
        states = {(part.purpose, part.recipient): part.state for part in rocket.consent.status().purposes}
        for purpose, recipient in (("improvement", None), ("improvement", "relay"), ("rights", "relay")):
            assert states[purpose, recipient] == "unset"


@pytest.mark.clause("A3")
@pytest.mark.parametrize("made_by", CLIENTS, ids=[path.name for path in CLIENTS])
def test_a_deletion_that_an_earlier_version_began_comes_to_its_end(made_by: Path, tmp_path: Path) -> None:
    with earlier(made_by, "deleting", tmp_path) as (world, clock, _):
        with opened(world, clock) as rocket:
            assert list(rocket.journal.read()) == []
            assert [server.state for server in rocket.rights.resume()] == ["confirmed"]
        assert not world.folder.exists()
        assert not world.secrets.names()


@pytest.mark.clause("C1")
@pytest.mark.parametrize("made_by", CLIENTS, ids=[path.name for path in CLIENTS])
def test_an_earlier_client_is_unbound_and_bound_again(made_by: Path, tmp_path: Path) -> None:
    with earlier(made_by, "client", tmp_path) as (world, clock, _), opened(world, clock) as rocket:
        rocket.device.unbind()
        assert rocket.device.binding is None
        rocket.device.bind(world.sandbox.order())
        assert rocket.device.order().state == "active"
        rocket.rights.view()


def device(rocket: RocketVPN) -> str:
    binding = rocket.device.binding
    assert binding is not None
    return binding.device_id


def logged(rocket: RocketVPN, line: str) -> None:
    logger, handler = logging.getLogger("app.upgraded"), rocket.journal.handler()
    logger.addHandler(handler)
    logger.warning(line)
    logger.removeHandler(handler)


def written_format(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "vault.db")) as db:
        return int(db.execute("SELECT format FROM head").fetchone()[0])
