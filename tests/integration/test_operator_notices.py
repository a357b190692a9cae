"""What the operator has to tell everybody reaches the user, with what to do; and a policy change by e-mail (X2, T2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.noticing import BREACH, NOTICE_NOWHERE, notice, noticed
from support.policies import edited, renumbered
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import NotAllowed, PolicyInvalid, UpdateRefused
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.policy_versions import OperatorNotice
from rocketvpn_sdk.rights.report.summary import summary
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.wire import NOTICES_TARGET, NoticeList

pytestmark = pytest.mark.clause("X2", "T2")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("notices") / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture
def user(sandbox: Sandbox, tmp_path: Path) -> Iterator[World]:
    sandbox.sign(noticed())
    yield World(sandbox, tmp_path / "client")
    sandbox.publish(sandbox.policy)


def listening(rocket: RocketVPN) -> list[OperatorNotice]:
    heard: list[OperatorNotice] = []
    rocket.events.subscribe(OperatorNotice, heard.append)
    return heard


def test_a_breach_reaches_the_user_with_what_to_do(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        heard = listening(rocket)
        assert rocket.status().notices == ()
        rocket.policy.check()
        (told,) = heard
        assert (told.kind, told.title, told.do) == ("breach", BREACH.title["en"], BREACH.do["en"])
        assert told.contact == rocket.policy.current.contact
        assert rocket.status().notices == (told,)
        (german,) = rocket.policy.notices("de-AT")
        assert (german.language, german.title, german.what) == ("de", BREACH.title["de"], BREACH.what["en"])
        rocket.policy.check()
        assert len(heard) == 1  # it is no news
        report = rocket.rights.view()
        assert report.notices == (told,)
        assert told.do in report.to_html()
        assert told.title in " ".join(summary(report))


def test_it_comes_again_until_it_was_shown(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        rocket.policy.check()
    with RocketVPN.open(user.config(), unlock=False) as rocket:
        heard = listening(rocket)
        rocket.unlock()
        (told,) = heard
        rocket.policy.acknowledge(told)
        assert rocket.status().notices == ()
        assert [each.shown for each in rocket.policy.notices()] == [True]
        (record,) = [held for held in rocket.rights.view().here if held.field == "notice_record"]
        assert BREACH.id in str(record.value)
        assert record.since is not None
    with RocketVPN.open(user.config(), unlock=False) as rocket:
        heard = listening(rocket)
        rocket.unlock()
        assert heard == []
        user.sandbox.sign(noticed(notice(what={"en": "It was more than that."})))
        rocket.policy.check()
        assert [each.what for each in heard] == ["It was more than that."]  # another text is another notice
        with pytest.raises(NotAllowed):
            rocket.policy.acknowledge(told)
        with pytest.raises(NotAllowed):
            rocket.policy.acknowledge(NOTICE_NOWHERE)
        user.sandbox.sign(noticed(notice(id="later", published=notice().published.replace(day=25)), notice()))
        rocket.policy.check()
        assert [each.id for each in rocket.policy.notices()] == ["later", BREACH.id]


def test_it_reaches_who_agreed_to_nothing_and_is_bound_to_nothing(user: World) -> None:
    with RocketVPN.open(user.config(collect=False)) as rocket:
        rocket.policy.check()
        assert [each.id for each in rocket.status().notices] == [BREACH.id]


@pytest.mark.clause("X1")
def test_a_breach_is_told_whatever_is_wrong_with_the_policy(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        user.sandbox.publish_target("policy/policy.json", b"{}")
        with pytest.raises(Exception, match="polic"):
            rocket.policy.check()
        assert [each.id for each in rocket.status().notices] == [BREACH.id]


@pytest.mark.clause("X1")
def test_a_list_that_nobody_can_read_changes_nothing(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        rocket.policy.check()
        user.sandbox.publish_target(NOTICES_TARGET, b'{"notices": [{"id": "../.."}]}')
        with pytest.raises(UpdateRefused):
            rocket.policy.check()
        assert [each.id for each in rocket.status().notices] == [BREACH.id]


@pytest.mark.clause("X1")
@pytest.mark.parametrize("other", [{"kind": "outage"}, {"id": "../.."}, {"do": {}}])
def test_a_notice_that_this_version_cannot_read_does_not_take_a_breach_along(
    user: World, other: dict[str, object]
) -> None:
    strange = msgspec.to_builtins(notice(id="newer")) | other
    content = msgspec.json.encode({"format": 1, "notices": [strange, BREACH]})
    user.sandbox.publish_target(NOTICES_TARGET, content)
    with RocketVPN.open(user.config()) as rocket:
        rocket.policy.check()
        assert [each.id for each in rocket.status().notices] == [BREACH.id]
        user.sandbox.publish_target(NOTICES_TARGET, content.replace(b'"format":1', b'"format":2'))
        with pytest.raises(UpdateRefused):
            rocket.policy.check()


@pytest.mark.clause("X1")
def test_a_list_that_nobody_can_read_does_not_hide_what_is_wrong_with_the_policy(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        user.sandbox.publish_target(NOTICES_TARGET, b"{")
        user.sandbox.publish_target("policy/policy.json", b"{}")
        with pytest.raises(PolicyInvalid):
            rocket.policy.check()


@pytest.mark.clause("X1")
def test_a_server_that_withholds_a_signed_list_silences_no_notice(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        rocket.policy.check()
        user.sandbox.sign(noticed(BREACH, notice(id="second")))
        for file in (user.sandbox.tuf_folder / "targets" / "notices").iterdir():
            file.unlink()
        with pytest.raises(UpdateRefused) as caught:
            rocket.policy.check()
        assert caught.value.params["reason"] == "missing"
        assert [each.id for each in rocket.status().notices] == [BREACH.id]
        user.sandbox.sign(NoticeList())  # the operator's own word, signed: there is nothing to tell any more
        rocket.policy.check()
        assert rocket.status().notices == ()


# ---------------------------------------------------------------- e-mail


def taking() -> Policy:
    """Return a version that keeps something longer."""
    longer = edited("field", "tunnel_public_key", 'server = "P7D"', 'server = "P14D"')
    return parse_policy(renumbered(99, longer))


def test_a_change_that_takes_something_is_told_by_e_mail_and_shown_in_the_status(user: World) -> None:
    user.sandbox.order(email="lee@example.org")
    user.sandbox.order(email=None)
    user.sandbox.mail.clear()
    with RocketVPN.open(user.config()) as rocket:
        user.sandbox.publish(taking())
        told = [message for message in user.sandbox.mail if message.to == "lee@example.org"]
        (message,) = told
        assert "14 days" in message.text
        assert "30 days after" in message.text
        assert user.sandbox.policy.contact in message.text
        rocket.policy.check()
        assert rocket.status().policy_pending == 99
        user.sandbox.mail.clear()
        user.sandbox.publish(taking())  # the same again
        assert list(user.sandbox.mail) == []


def test_a_change_that_takes_nothing_is_not_mailed(user: World) -> None:
    user.sandbox.mail.clear()
    shorter = edited("field", "tunnel_public_key", 'server = "P7D"', 'server = "P1D"')
    user.sandbox.publish(parse_policy(renumbered(98, shorter)))
    assert list(user.sandbox.mail) == []


def test_a_breach_is_mailed_in_the_language_of_the_order(user: World) -> None:
    number = user.sandbox.order(email="ana@example.org")
    with RocketVPN.open(user.config()) as rocket:
        rocket.consent.declare_age(True)
        rocket.device.bind(number)
        rocket.rights.correct({"language": "de"})
    user.sandbox.mail.clear()
    user.sandbox.sign(noticed(BREACH, notice(id="second")))
    texts = [message.text for message in user.sandbox.mail if message.to == "ana@example.org"]
    assert len(texts) == 1  # the first one was told before
    assert texts[0].startswith("Eine Sicherung wurde kopiert. Somebody copied")
