from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.policies import VERSION, edited

from rocketvpn_sdk import Config, Event, Limits
from rocketvpn_sdk.clock import SystemClock
from rocketvpn_sdk.errors import CallbackFailed, ConfigurationError, PolicyInvalid
from rocketvpn_sdk.events import call_directly
from rocketvpn_sdk.policy import bundled_policy, parse_policy
from rocketvpn_sdk.testing.secrets import MemorySecrets
from rocketvpn_sdk.vault import KeyringSecrets

SERVER = "https://api.rocketvpn.example"
APP = "org.example.vpn"
PIN, OTHER_PIN = "sha256/" + "A" * 43 + "=", "sha256/" + "B" * 43 + "="


def config(**values: Any) -> Config:
    return Config(**{"server": SERVER, "app_id": APP} | values)


def refused(**values: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        config(**values)
    assert caught.value.__cause__ is None
    assert str(caught.value).startswith("The configuration cannot work: ")
    assert str(caught.value).endswith("Tell the makers of this app.")
    assert caught.value.hint == "Correct it where the app builds its Config."
    return caught.value.params["problem"]


# ---------------------------------------------------------------- defaults


def test_two_values_are_enough():
    made = config()
    assert (made.profile, made.collect, made.pins, made.events, made.proxy) == ("default", True, (), (), None)
    assert isinstance(made.clock, SystemClock)
    assert made.limits == Limits()
    assert made.dispatch is call_directly
    assert made.resolved_policy is bundled_policy()
    assert made.authenticator is None


@pytest.mark.parametrize("answer", [math.nan, 1e18, "now", None])
def test_an_apps_own_clock_is_asked_with_care(answer: Any) -> None:
    class Odd:
        def time(self) -> Any:
            return answer

        monotonic = time

    with pytest.raises(CallbackFailed):
        config(clock=Odd()).clock.time()


def test_the_secrets_are_in_the_keyring_unless_the_app_says_otherwise():
    assert isinstance(config().resolved_secrets, KeyringSecrets)
    own = MemorySecrets()
    assert config(secrets=own).resolved_secrets is own


def test_a_config_cannot_be_changed():
    with pytest.raises(AttributeError, match="immutable"):
        config().server = "https://evil.example"


def test_everything_but_server_and_app_is_given_by_name():
    with pytest.raises(TypeError):
        Config(SERVER, APP, "profile")


# ---------------------------------------------------------------- the server


@pytest.mark.parametrize(
    ("server", "origin"),
    [
        (SERVER, SERVER),
        (SERVER + "/", SERVER),
        (SERVER + "//", SERVER),
        (SERVER + ":8443", SERVER + ":8443"),
        ("https://localhost:1/", "https://localhost:1"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://192.0.2.1", "https://192.0.2.1"),
    ],
)
def test_servers(server: str, origin: str):
    assert config(server=server).origin == origin


@pytest.mark.clause("T1")
@pytest.mark.parametrize("server", ["http://h.example", "HTTP://h", "ftp://h", "ws://h", "//h", "h.example"])
def test_a_server_without_tls(server: str):
    assert "must be an https address" in refused(server=server)


@pytest.mark.parametrize(
    "server",
    [
        "", "https://", "https:///", "https://:443", "https://h:", "https://h/path", "https://h?", "https://h?q=1",
        "https://h#", "https://h#f", "https://user@h", "https://user:password@h", "https://h h", "https://h\n",
        " https://h", "https://h\\evil", "https://h\t", "https://h\r\nX-Header: 1",
    ],
)  # fmt: skip
def test_what_is_no_server(server: object):
    assert "must be an https address and nothing more" in refused(server=server)


@pytest.mark.parametrize("name", ["server", "app_id", "profile"])
@pytest.mark.parametrize("value", [None, 3, b"https://h", Path("h")])
def test_what_is_no_text(name: str, value: object):
    assert refused(**{name: value}) == f"{name} must be a text"


@pytest.mark.parametrize("server", ["https://h:99999", "https://h:port", "https://[::1", "https://h:-1"])
def test_what_is_no_address(server: str):
    assert refused(server=server) == "server is not an address"


@given(st.text())
def test_any_text_is_a_server_or_refused(text: str):
    for server in (text, f"https://{text}"):
        try:
            made = config(server=server)
        except ConfigurationError:
            continue
        assert made.origin.startswith("https://")
        assert not set(made.origin[8:]) & set("/?#@ \n\r\t")


def test_a_password_in_the_address_is_not_repeated():
    assert "hunter2" not in refused(server="https://kim:hunter2@h")


# ---------------------------------------------------------------- the other values


@pytest.mark.parametrize(
    "app_id",
    ["", ".", "..", "-app", "app.", "org/example", "../evil", "org example", "a" * 101, "org.exämple", "a\n"],
)
def test_what_is_no_app_id(app_id: object):
    assert "app_id must look like" in refused(app_id=app_id)


@pytest.mark.parametrize("app_id", ["a", "org.example.vpn", "A-1", "a" * 100])
def test_app_ids(app_id: str):
    assert config(app_id=app_id).app_id == app_id


@pytest.mark.parametrize("profile", ["", "..", "a/b", "a b", "a" * 41, "ä", "a\n"])
def test_what_is_no_profile(profile: object):
    assert "profile may have" in refused(profile=profile)


@pytest.mark.clause("T1")
@pytest.mark.parametrize(
    ("pins", "problem"),
    [
        ((PIN,), "two pins or more"),
        ((PIN, PIN), "two pins or more"),  # one key twice is one key
        ((PIN, "sha256/short"), "a pin looks like"),
        ((PIN, PIN.replace("sha256", "md5")), "a pin looks like"),
        ((PIN, OTHER_PIN + "\n"), "a pin looks like"),
        ((PIN, 3), "pins must be a list, each a text"),
        (PIN, "pins must be a list, each a text"),
    ],
)
def test_pins_that_cannot_work(pins: Any, problem: str):
    assert problem in refused(pins=pins)


def test_two_pins_work():
    assert config(pins=[PIN, OTHER_PIN]).pins == (PIN, OTHER_PIN)


@pytest.mark.parametrize("proxy", ["http://p:3128", "https://kim:hunter2@p:3128/", "http://[::1]:1", lambda: None])
def test_a_proxy_is_a_url_or_what_returns_one(proxy: Any):
    assert config(proxy=proxy).proxy is proxy


@pytest.mark.parametrize("proxy", ["", "p:3128", "socks5://kim:hunter2@p", "http://p/path", "http://p?q"])
def test_what_is_no_proxy_is_not_repeated(proxy: Any):
    problem = refused(proxy=proxy)
    assert problem.startswith("proxy must be a URL such as http://proxy.example:3128")
    assert "hunter2" not in problem
    assert refused(proxy=7) == "proxy must be a text or a function"


@pytest.mark.clause("T1")
def test_tls_1_2_is_taken_only_where_it_is_asked_for():
    assert config().allow_tls12 is False
    assert config(allow_tls12=True).allow_tls12 is True
    assert refused(allow_tls12="yes") == "allow_tls12 must be True or False"


def test_a_trust_file_has_to_be_there(tmp_path: Path):
    assert "is not there" in refused(trust=tmp_path / "ca.pem")
    assert "is not there" in refused(trust=tmp_path)
    file = tmp_path / "ca.pem"
    file.touch()
    assert config(trust=file).trust == file


@pytest.mark.parametrize("name", ["data_dir", "trust"])
def test_a_path_is_a_path(name: str):
    assert refused(**{name: "/tmp/somewhere"}) == f"{name} must be a pathlib.Path"


@pytest.mark.parametrize("events", [(int,), ("event",), (Event, object()), [Event, dict]])
def test_events_are_event_classes(events: Any):
    assert refused(events=events) == "events must be a list, each a class derived from Event"


# ---------------------------------------------------------------- the policy


def test_a_policy_is_given_as_a_value_or_a_file(tmp_path: Path):
    text = edited("", "", VERSION, "version = 7")
    own = parse_policy(text)
    assert config(policy=own).resolved_policy is own
    file = tmp_path / "own.toml"
    file.write_text(text, "utf-8")
    made = config(policy=file)
    assert made.resolved_policy.version == 7
    file.unlink()
    assert made.resolved_policy.version == 7  # read once, when the config was made


@pytest.mark.parametrize("policy", ["own.toml", b"", {}, 1])
def test_what_is_no_policy_does_not_fall_back_to_the_one_that_ships(policy: object):
    assert refused(policy=policy) == "policy must be a Policy or a pathlib.Path"


def test_a_policy_file_with_a_mistake_or_none_at_all(tmp_path: Path):
    file = tmp_path / "own.toml"
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        config(policy=file)
    file.write_text(edited("", "", VERSION, "version = 0"), "utf-8")
    with pytest.raises(PolicyInvalid, match="must be 1 or more"):
        config(policy=file)


# ---------------------------------------------------------------- the folder


def test_the_folder_is_the_platform_s_own_apart_for_each_app_and_profile():
    folder = config(profile="second").folder
    assert folder == platformdirs.user_data_path(APP, appauthor=False, roaming=False) / "rocketvpn" / "second"
    assert folder.is_relative_to(Path.home())
    assert not folder.exists()  # asking for it makes nothing
    if sys.platform == "linux":
        assert folder == Path.home() / ".local" / "share" / APP / "rocketvpn" / "second"
    folders = {config(app_id=app, profile=name).folder for app in (APP, "org.example.b") for name in ("default", "b")}
    assert len(folders) == 4


def test_an_app_may_name_the_folder(tmp_path: Path):
    assert config(data_dir=tmp_path / "vault").folder == tmp_path / "vault"


# ---------------------------------------------------------------- what it shows


@pytest.mark.clause("T1")
def test_its_repr_shows_no_secret():
    made = config(
        secrets=MemorySecrets(),
        proxy="http://kim:hunter2@proxy.example:3128",
        pins=(PIN, OTHER_PIN),
        authenticator=lambda challenge: "123456",
    )
    assert repr(made) == f"Config({SERVER!r}, {APP!r}, profile='default')"
    assert str(made) == repr(made)


def test_the_proxys_password_is_shown_neither_by_repr_nor_by_rich() -> None:
    pretty = pytest.importorskip("rich.pretty")
    config = Config("https://api.example.org", "org.example.vpn", proxy="http://bob:s3cret@proxy.example:3128")
    assert "s3cret" not in pretty.pretty_repr([config]) + repr(config) + str(config)
    assert "org.example.vpn" in pretty.pretty_repr(config)
