"""What `policy lint` finds in a policy that loads: what a device can live with, and its author should not publish."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.policies import TEXT, edited, line_of, sharing_text, span, with_call

from rocketvpn_sdk.errors import PolicyInvalid
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.policy.reading import lint_policy


def linted(text: str, folder: Path) -> PolicyInvalid | None:
    assert parse_policy(text)  # it loads
    file = folder / "policy.toml"
    file.write_text(text, "utf-8")
    try:
        lint_policy(file)
    except PolicyInvalid as error:
        return error
    return None


def test_the_policy_that_ships_can_be_published(tmp_path: Path) -> None:
    assert linted(TEXT, tmp_path) is None


@pytest.mark.clause("S2")
@pytest.mark.parametrize(
    ("recipient", "old", "lacks"), [("relay", "contract = {", "contract"), ("relay", 'country = "CH"', "country")]
)
def test_attack_a_third_party_that_is_bound_by_words_alone(
    recipient: str, old: str, lacks: str, tmp_path: Path
) -> None:
    text = edited("recipient", recipient, old, f"# {old}")
    error = linted(text, tmp_path)
    assert error is not None
    assert f"the recipient '{recipient}' has no {lacks} (S2)" in str(error)
    assert error.params["line"] == line_of(text, "safeguard", span(text, "recipient", recipient)[0])


@pytest.mark.clause("S2")
def test_an_affiliate_needs_a_contract_too(tmp_path: Path) -> None:
    assert "'sister' has no contract" in str(linted(sharing_text(), tmp_path))


@pytest.mark.clause("U7")
@pytest.mark.parametrize(
    ("identity", "carried"),
    [("key", "device_public_key"), ("device", "device_public_key"), ("user", "device_public_key")],
)
def test_attack_a_call_that_can_never_be_made_passes_for_one_that_is_declared(
    identity: str, carried: str, tmp_path: Path
) -> None:
    text = with_call(TEXT, "odd.call", purpose="improvement", fields='["region"]')
    text = edited("operation", "odd.call", '"none"', f'"{identity}"', text=text)
    error = linted(text, tmp_path)
    assert error is not None
    assert f"'odd.call' can never be called: its identity '{identity}' carries '{carried}'" in str(error)
    assert "which is not there for 'improvement'" in str(error)
    assert error.params["line"] == line_of(text, "identity", span(text, "operation", "odd.call")[0])


@pytest.mark.parametrize(
    ("field", "old", "new", "said"),
    [
        ("session_token", '["operator"]', "[]", "may not go to 'operator'"),
        ("session_token", ', server = "bound"', "", "has no retention on a server"),
    ],
)
def test_a_token_that_cannot_go_or_may_not_be_kept_there_stops_its_calls(
    field: str, old: str, new: str, said: str, tmp_path: Path
) -> None:
    text = TEXT.replace('fields = ["session_token"]\n', "").replace('names = { refresh_token = "session_token" }\n', "")
    error = linted(edited("field", field, old, new, text=text), tmp_path)
    assert error is not None
    assert said in str(error)


def test_an_identity_whose_field_is_not_declared_stops_its_calls(tmp_path: Path) -> None:
    text = TEXT.replace('"device_public_key", ', "")
    begin, end = span(text, "field", "device_public_key")
    error = linted(text[:begin] + text[end:], tmp_path)
    assert error is not None
    assert "carries 'device_public_key', which is not declared" in str(error)


@pytest.mark.parametrize("identity", ["key", "user"])
def test_attack_an_identity_that_only_the_sdk_s_own_calls_have(identity: str, tmp_path: Path) -> None:
    text = with_call(TEXT, "odd.call", purpose="security", fields="[]")
    error = linted(edited("operation", "odd.call", '"none"', f'"{identity}"', text=text), tmp_path)
    assert error is not None
    assert f"'odd.call' can never be called: only the SDK's own calls have the identity '{identity}'" in str(error)
