from __future__ import annotations

import inspect
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk import wire
from rocketvpn_sdk.masking import HIDDEN, MaskedRepr
from rocketvpn_sdk.wire import Wire

AT = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
DAY = date(2026, 11, 1)
SECRET = "s3cret-s3cret-s3cret"
DEVICE = wire.Device(id="A" * 52, name="Blue lynx", bound_on=DAY, current=True)
CHALLENGE = wire.CodeChallenge(kind="email_code", hint="k…@example.org", expires_at=AT, code_digits=6, recovery=True)
CHANGE = wire.OrderChange(kind="first_address", id="r", asked_at=AT, takes_effect_at=AT, hint=SECRET, current=True)
PENDING = wire.PendingValue(value=SECRET, state="waiting", until=AT)
HOLD = wire.Hold(basis="law", until=DAY, reason="Tax law.")
HELD_BACK = wire.HeldBack(field="payment_record", basis="court", until=DAY)
HELD_CONSENT = wire.HeldConsent(
    purpose="surveys",
    record_id="r",
    state="withdrawn",
    policy_version=1,
    policy_sha256="0" * 64,
    at=AT,
    recipient="acme",
)
FIELD = wire.HeldField(
    id="contact_email",
    value=SECRET,
    since=AT,
    until=AT,
    recipients=["operator"],
    hold=HOLD,
    correctable=True,
    belongs="order",
    pending=PENDING,
)

REQUEST = wire.RightsRequest(
    request_id="r",
    exercise="deletion",
    scope="device",
    status="in_progress",
    received_at=AT,
    expected_by=AT,
    reason="x",
    processing_details="y",
    results_url="https://h/r",
    expires_at=AT,
    waits_until=AT,
    asked_by="another_device",
)
SIGNED = wire.SignedFile(length=5, sha256="0" * 64)
PLATFORM_FILES = wire.PlatformFiles(name="app.bin", package=SIGNED, manifest=SIGNED)
RELEASE = wire.ListedRelease(
    version="1.4.2",
    published=DAY,
    vault_format=3,
    files={"linux": PLATFORM_FILES},
    rollout=5,
    withdrawn=True,
    roll_back=True,
    notes="https://rocketv.org/notes",
)
CHANNEL = wire.Channel(releases=(RELEASE,), minimum="1.2")
MANIFEST_FILE = wire.ManifestFile(path="lib/one.so", length=3, sha256="0" * 64, link="one.so.1")
DISCLOSURE = wire.DisclosureItem(recipient=SECRET, kind="authority", basis=SECRET, categories=[SECRET], day=DAY)
TICKET = wire.ErasureTicket(ticket_id="a" * 64, scope="device", made_on=date(2026, 11, 22), current=True)
AUDIENCE = wire.Audience(platforms=("linux",), from_version="1.4", below_version="2", share=50)
QUESTION = wire.Question(
    id="speed", kind="one", text={"en": "?"}, choices=(wire.Choice(id="fast", label={"en": "Fast"}),), required=True
)
DAYS: dict[str, Any] = {"opens": date(2026, 11, 1), "closes": date(2026, 12, 1)}
SURVEY = wire.ListedSurvey(id="s", title={"en": "T"}, why={"en": "W"}, questions=(QUESTION,), audience=AUDIENCE, **DAYS)
SURVEY_ANSWER = wire.SurveyAnswer(question="speed", choice="fast", rating=1, text="-")
OFFER = wire.ListedOffer(
    id="o", title={"en": "T"}, text={"en": "X"}, server="https://offers.example", audience=AUDIENCE, **DAYS
)
NOTICE = wire.ListedNotice(
    id="n", kind="breach", published=date(2026, 11, 1), title={"en": "T"}, what={"en": "W"}, do={"en": "D"}
)
EXAMPLES: list[Wire] = [
    wire.ServerMetadata(
        issuer="https://h",
        authorization_challenge_endpoint="https://h/c",
        token_endpoint="https://h/t",
        jwks_uri="https://h/k",
        dpop_signing_alg_values_supported=["ES256"],
        grant_types_supported=["refresh_token"],
        response_types_supported=["code"],
        token_endpoint_auth_methods_supported=["none"],
    ),
    CHALLENGE,
    wire.AuthorizationCode(authorization_code=SECRET),
    wire.AuthorizationError(
        error="device_limit_reached",
        error_description="full",
        auth_session=SECRET,
        challenge=CHALLENGE,
        devices=[DEVICE],
        attempts_left=2,
    ),
    wire.TokenResponse(
        access_token=SECRET,
        token_type="DPoP",
        expires_in=900,
        refresh_token=SECRET,
        acr=wire.ACR_EMAIL_CODE,
        order_changes=[CHANGE],
    ),
    wire.ProblemItem(detail="too long", pointer="/language"),
    wire.Problem(
        type="https://h/problems/invalid",
        title="Invalid",
        status=422,
        detail="d",
        errors=[wire.ProblemItem(detail="x")],
        devices=[DEVICE],
    ),
    wire.Order(
        state="active", paid_until=DAY, devices_used=1, devices_allowed=5, deletion_waits_days=7, changes=[CHANGE]
    ),
    CHANGE,
    PENDING,
    wire.NewRecoveryCode(fingerprint="a" * 64),
    wire.RecoveryCodeMade(made_on=DAY),
    DEVICE,
    wire.DeviceList(devices=[DEVICE]),
    HOLD,
    FIELD,
    wire.ServerData(fields=[FIELD]),
    wire.NewRightsRequest(exercise="deletion", scope="account", purpose="improvement"),
    wire.NewOwnerRequest(exercise="deletion", scope="device", device_id="A" * 52),
    REQUEST,
    wire.RightsRequests(requests=[REQUEST]),
    DISCLOSURE,
    wire.DisclosureList(disclosures=[DISCLOSURE]),
    TICKET,
    wire.ErasureTicketList(tickets=[TICKET]),
    wire.NewErasureTicket(ticket_id="a" * 64, scope="account"),
    wire.Erasure(ticket="A" * 40),
    HELD_BACK,
    wire.ReceiptClaims(
        iss="https://h",
        jti="r",
        iat=1_800_000_000,
        device_id="A" * 52,
        scope="logs",
        erased=["level"],
        recipients_told=["operator"],
        held_back=[HELD_BACK],
    ),
    wire.ConsentUpdate(
        record_id="r", state="granted", policy_version=1, policy_sha256="0" * 64, at=AT, recipient="acme"
    ),
    HELD_CONSENT,
    wire.HeldConsents(consents=[HELD_CONSENT]),
    wire.NewGuardianRequest(contact=SECRET, about="agreement", language="en", policy_version=1, policy_sha256="0" * 64),
    wire.GuardianRequest(
        request_id="r", about="age", policy_version=1, policy_sha256="0" * 64, expires_at=AT, code_digits=6
    ),
    wire.GuardianCode(code=SECRET),
    wire.GuardianConfirmation(
        request_id="r", about="agreement", policy_version=1, policy_sha256="0" * 64, confirmed_at=AT
    ),
    wire.TunnelRequest(public_key="k", region="de-fra"),
    wire.TunnelPeer(
        peer_public_key="k",
        endpoint="h:51820",
        address="10.0.0.2/32",
        dns=["10.0.0.1"],
        allowed_ips=["0.0.0.0/0"],
        keepalive=25,
    ),
    SIGNED,
    PLATFORM_FILES,
    RELEASE,
    CHANNEL,
    wire.ObliviousGateway(relay="https://relay.example:8443", keys="AC0BACAx"),
    wire.ReportErasure(erasure_handle="0123456789abcdef0123456789abcdef"),
    AUDIENCE,
    QUESTION,
    SURVEY,
    wire.Choice(id="fast", label={"en": "Fast"}),
    wire.SurveyList(surveys=(SURVEY,)),
    SURVEY_ANSWER,
    wire.SurveyResponse(erasure_handle="0123456789abcdef0123456789abcdef", answers=(SURVEY_ANSWER,)),
    OFFER,
    wire.OfferList(offers=(OFFER,)),
    wire.OfferTaken(link="https://offers.example/a"),
    NOTICE,
    wire.NoticeList(notices=(NOTICE,)),
    wire.ReleaseList(channels={"stable": CHANNEL}, mirrors=("https://mirror.example",)),
    MANIFEST_FILE,
    wire.Manifest(version="1.4.2", platform="linux", files=(MANIFEST_FILE,), ignored=("logs",)),
]
every = pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: type(value).__name__)
SECRETS = {
    "AuthorizationCode": {"authorization_code"},
    "AuthorizationError": {"auth_session"},
    "TokenResponse": {"access_token", "refresh_token"},
    "HeldField": {"value"},
    "PendingValue": {"value"},
    "OrderChange": {"hint"},
    "Disclosure": {"recipient", "basis", "categories"},
}


def kinds() -> set[type[Wire]]:
    return {kind for kind in vars(wire).values() if inspect.isclass(kind) and issubclass(kind, Wire)} - {Wire}


def literals(kind: type[Wire]) -> dict[str, tuple[Any, ...]]:
    hints = get_type_hints(kind)
    return {name: get_args(hints[name]) for name in kind.__struct_fields__ if get_origin(hints[name]) is Literal}


def test_there_is_an_example_of_everything_with_every_member():
    assert {type(value) for value in EXAMPLES} == kinds()
    for value in EXAMPLES:
        for name in value.__struct_fields__:
            assert getattr(value, name) not in (None, "", [], ()), f"{type(value).__name__}.{name}"


@every
def test_what_is_said_is_what_is_heard(value: Wire):
    kind = type(value)
    assert msgspec.json.decode(msgspec.json.encode(value), type=kind) == value
    assert msgspec.convert(msgspec.to_builtins(value), kind) == value


@every
def test_members_that_are_not_said_are_not_written(value: Wire):
    needed = {field.name: getattr(value, field.name) for field in msgspec.structs.fields(value) if field.required}
    short = type(value)(**needed)
    assert set(msgspec.to_builtins(short)) == set(needed)
    assert msgspec.json.decode(msgspec.json.encode(short), type=type(value)) == short


@every
def test_a_member_that_is_missing_is_an_error(value: Wire):
    said = msgspec.to_builtins(value)
    for field in msgspec.structs.fields(value):
        if field.required:
            with pytest.raises(msgspec.ValidationError, match=f"`{field.name}`"):
                msgspec.convert({key: part for key, part in said.items() if key != field.name}, type(value))


@every
def test_a_server_may_grow(value: Wire):
    said = msgspec.to_builtins(value) | {"something_new": {"a": 1}}
    assert msgspec.json.decode(msgspec.json.encode(said), type=type(value)) == value


@every
def test_a_value_cannot_be_changed(value: Wire):
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], "x")


@pytest.mark.parametrize(
    ("value", "name"),
    [(value, name) for value in EXAMPLES for name in literals(type(value))],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_an_unknown_choice_is_an_error_and_the_known_ones_are_not(value: Wire, name: str):
    said = msgspec.to_builtins(value)
    for choice in literals(type(value))[name]:
        assert getattr(msgspec.convert(said | {name: choice}, type(value)), name) == choice
    for choice in ("surprise", "", None, 0, str(getattr(value, name)).upper() + "!"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(said | {name: choice}, type(value))


def test_the_choices_are_there():
    found = {(type(value).__name__, name) for value in EXAMPLES for name in literals(type(value))}
    assert {("Order", "state"), ("Hold", "basis"), ("RightsRequest", "status")} <= found


@pytest.mark.clause("S3", "R2")
def test_a_field_is_held_back_on_three_bases_and_no_other():
    for kind in (wire.Hold, wire.HeldBack):
        assert literals(kind)["basis"] == ("law", "court", "authority")


@pytest.mark.clause("U2", "T1")
def test_a_token_that_anybody_could_use_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"access_token": "x", "token_type": "Bearer", "expires_in": 1}, wire.TokenResponse)


@pytest.mark.parametrize(("text", "read"), [("2026-11-01T12:30:00Z", AT), ("2026-11-01T13:30:00+01:00", AT)])
def test_times_have_a_zone(text: str, read: datetime):
    said = msgspec.to_builtins(CHALLENGE) | {"expires_at": text}
    assert msgspec.convert(said, wire.CodeChallenge).expires_at == read


@pytest.mark.parametrize("text", ["yesterday", "01.11.2026", 1_800_000_000, "2026-13-01T00:00:00Z"])
def test_what_is_no_time(text: object):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(
            msgspec.json.encode(msgspec.to_builtins(CHALLENGE) | {"expires_at": text}), type=wire.CodeChallenge
        )


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("https://h/problems/invalid", "invalid"),
        ("https://h/problems/invalid/", "invalid"),
        ("about:blank", "about:blank"),
        ("", ""),
    ],
)
def test_a_problem_s_code_is_the_end_of_its_type(uri: str, code: str):
    assert wire.Problem(type=uri, title="t", status=400).code == code


# ---------------------------------------------------------------- secrets


@pytest.mark.clause("T1")
@every
def test_secrets_and_personal_values_do_not_show(value: Wire):
    said = f"{value!r} {value} {list(getattr(value, '__rich_repr__', list)())}"
    assert SECRET not in said
    hidden = SECRETS.get(type(value).__name__, set())
    if hidden:
        assert isinstance(value, MaskedRepr)
        shown = dict(value.__rich_repr__())
        assert {name for name, part in shown.items() if part == HIDDEN} == hidden


def test_whatever_is_named_like_a_secret_is_hidden():
    for kind in kinds():
        for name in kind.__struct_fields__:
            if any(word in name for word in ("token", "secret", "session", "password", "authorization_code")):
                plain = name in {"token_type", "token_endpoint", "token_endpoint_auth_methods_supported"}
                assert plain or name in SECRETS.get(kind.__name__, ()), f"{kind.__name__}.{name}"


@given(value=st.recursive(st.none() | st.text() | st.integers() | st.booleans(), st.lists))
def test_a_held_value_of_any_shape_is_hidden_and_kept(value: Any):
    field = wire.HeldField(id="x", value=value, since=AT)
    assert msgspec.json.decode(msgspec.json.encode(field), type=wire.HeldField) == field
    assert f"value={HIDDEN if value is not None else None}" in repr(field)


def test_what_a_server_leaves_out_of_a_field_promises_nothing() -> None:
    field = msgspec.json.decode(b'{"id": "x", "value": 1, "since": "2027-01-01T00:00:00Z"}', type=wire.HeldField)
    assert not field.correctable
    assert (field.until, field.recipients, field.hold, field.belongs) == (None, [], None, None)
