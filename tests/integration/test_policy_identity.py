"""Two texts are one version only if they say the same, word for word, whatever ``compare`` finds between them (X1)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from support.policies import EFFECTIVE, TEXT, edited

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.errors import NotBound, OperationUndeclared, PolicyOutdated
from rocketvpn_sdk.policy import Policy, bundled_policy, compare, parse_policy
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault.verify import verify

pytestmark = pytest.mark.clause("X1")

CALL = """
[[operation]]
id = "app.beat"
method = "POST"
path = "/v1/app-beat"
purpose = "service"
recipient = "operator"
identity = "device"
fields = ["region"]
sentence.en = "Says that the app runs."
"""
BUNDLED = bundled_policy()


def as_version(number: int, text: str = TEXT, policy_id: str = "rocketvpn") -> Policy:
    document = parse_policy(text).document
    return Policy(msgspec.structs.replace(document, version=number, policy_id=policy_id))


NOW = BUNDLED.version
OTHER_TEXTS = {
    "a call more": TEXT + CALL,
    "a member more": edited("operation", "tunnel.register", "fields = [", 'protocol = ["note"]\nfields = ['),
    "another sentence": edited("purpose", "improvement", "To design", "To sell and to design"),
    "another date": edited("", "", EFFECTIVE, "effective = 2031-11-02"),
    "another order": TEXT.replace('purposes = ["service", "security"]', 'purposes = ["security", "service"]'),
    "less": edited("field", "region", "P30D", "P7D"),
}
"""Some of these ``compare`` finds nothing in: that must not decide."""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        clock=FakeClock(),
    )


def bringing(config: Config, policy: Policy) -> Config:
    return msgspec.structs.replace(config, policy=policy)


def test_compare_is_silent_about_some_of_them() -> None:
    silent = [
        name
        for name, text in OTHER_TEXTS.items()
        if not any(msgspec.structs.astuple(compare(BUNDLED, as_version(NOW, text))))
    ]
    assert "another date" in silent


@pytest.mark.parametrize("text", OTHER_TEXTS.values(), ids=OTHER_TEXTS)
def test_attack_another_text_of_the_same_version_never_takes_the_place_of_the_one_in_force(
    config: Config, text: str
) -> None:
    others = (as_version(NOW, text), BUNDLED)
    for number, (first, second) in enumerate((others, others[::-1])):
        mine = msgspec.structs.replace(config, data_dir=config.folder.parent / f"vault{number}")
        with RocketVPN.open(bringing(mine, first)) as app:
            for _ in range(2):
                with RocketVPN.open(bringing(mine, second)) as beside:
                    for rocket in (app, beside):
                        assert rocket.policy.current.sha256 == first.sha256
                        assert rocket.policy.pending is None
                    assert beside.policy.set_aside is second
                    assert app.policy.set_aside is None
                    with pytest.raises(PolicyOutdated):
                        beside._components.versions.offer(second)
                assert app.policy.current.sha256 == first.sha256


def test_what_an_app_s_own_text_declares_can_be_called_whatever_else_opened_the_vault(config: Config) -> None:
    with RocketVPN.open(bringing(config, as_version(NOW, TEXT + CALL))) as app:
        RocketVPN.open(config).close()
        with pytest.raises(NotBound):  # so far it came: the call is declared, and nobody is bound here
            app.call("app.beat", region="de-fra")
    with RocketVPN.open(msgspec.structs.replace(config, data_dir=config.folder.parent / "other")) as first:
        RocketVPN.open(bringing(first._components.config, as_version(NOW, TEXT + CALL))).close()
        with pytest.raises(OperationUndeclared):
            first.call("app.beat", region="de-fra")


@pytest.mark.parametrize("number", [NOW, NOW + 1, 99])
def test_attack_another_policy_of_any_number_is_no_version_of_this_one(config: Config, number: int) -> None:
    """What ships with the command line goes up by itself, and an app's own policy has numbers of its own."""
    own = as_version(2, TEXT + CALL, "acme")
    with RocketVPN.open(bringing(config, own)) as app:
        with RocketVPN.open(bringing(config, as_version(number))) as beside:
            assert (beside.policy.current.sha256, beside.policy.pending) == (own.sha256, None)
            assert beside.policy.set_aside is not None
        assert app.policy.set_aside is None
        assert "app.beat" in app.policy.current.operations


def test_a_pending_version_s_other_text_is_set_aside_too(config: Config) -> None:
    longer = edited("field", "region", "P30D", "P90D")
    with RocketVPN.open(config) as rocket:
        announced = as_version(NOW + 1, longer)
        rocket._components.versions.offer(announced)
        for text in (TEXT, TEXT + CALL, longer + CALL):
            other = as_version(NOW + 1, text)
            with RocketVPN.open(bringing(config, other)) as beside:
                assert beside.policy.set_aside is other
                assert beside.policy.pending is not None
                assert beside.policy.pending.sha256 == announced.sha256
        same = as_version(NOW, TEXT + CALL)
        with RocketVPN.open(bringing(config, same)) as beside:
            assert beside.policy.set_aside is same


def test_an_older_version_is_simply_older(config: Config) -> None:
    with RocketVPN.open(bringing(config, as_version(NOW + 1))), RocketVPN.open(config) as older:
        assert older.policy.set_aside is None
        assert older.policy.current.version == NOW + 1


def test_the_same_words_on_other_hosts_are_the_same_version(config: Config) -> None:
    moved = BUNDLED.with_hosts("operator", ("elsewhere.example", "api.rocketvpn.example"))
    assert moved.identity == BUNDLED.identity != moved.sha256
    with RocketVPN.open(config) as rocket:
        with RocketVPN.open(bringing(config, moved)) as other:
            assert other.policy.set_aside is None
        assert rocket.policy.current.sha256 == moved.sha256
        assert (
            rocket._components.versions.offer(BUNDLED).binding.sha256 == BUNDLED.sha256
        )  # signed, on hosts of its own
        verify(rocket._components.vault)


@pytest.mark.clause("M2")
@pytest.mark.parametrize("pending", [False, True], ids=["it binds", "it is announced"])
def test_a_guardian_s_agreement_counts_for_the_same_words_on_other_hosts(config: Config, pending: bool) -> None:
    with RocketVPN.open(config) as rocket:
        rocket.consent.declare_age(False)
        held = BUNDLED
        if pending:
            held = as_version(NOW + 1, edited("field", "region", "P30D", "P90D"))
            rocket._components.versions.offer(held)
        agreed(rocket, held)
        assert rocket._components.current_consents.state().guardian
        for hosts in (("elsewhere.example",), ("api.rocketvpn.example",)):
            with RocketVPN.open(bringing(config, held.with_hosts("operator", hosts))):
                assert rocket.policy.current.version == NOW
                assert rocket._components.current_consents.state().guardian


def agreed(rocket: RocketVPN, policy: Policy) -> None:
    """Let a guardian agree to ``policy``, as once the server has confirmed it."""
    from rocketvpn_sdk.consent.guardian import GuardianRequestState
    from rocketvpn_sdk.consent.minors import Minors

    asked = GuardianRequestState(
        request="r", about="agreement", version=policy.version, sha256=policy.sha256, expires_at=2e9, key="k"
    )
    minors = Minors(rocket._components.decisions)
    minors.note_asked(asked)
    minors.confirm(asked)
