"""No object of ours gives a secret away by being pickled, copied, printed or raised (T1).

Everything that can be reached from an open, bound client is looked at, and every struct of the package that ever holds
a secret. Personal values may be in what an app asked for (a report, a binding): that is what it is for, and ``repr``
hides them. Keys, tokens, codes and passphrases may not be anywhere.
"""

from __future__ import annotations

import base64
import copy
import gc
import pickle
import traceback
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from support.world import World

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.identity import CREDENTIALS, Credentials, Pending
from rocketvpn_sdk.journal.known import Known
from rocketvpn_sdk.masking import OneHolder, SecretStruct
from rocketvpn_sdk.rights import PanicTicket
from rocketvpn_sdk.vault import PassphraseSecrets

PASSPHRASE, PROXY = "hunter2-passphrase-hunter2", "pr0xy-passw0rd-pr0xy"
PACKAGE = "rocketvpn_sdk."
BESIDE = ("rocketvpn_sdk.sandbox", "support", "sqlalchemy", "starlette", "uvicorn", "_pytest", "pytest")
"""The server that runs in this process, and the tests."""
LEAVES = (str, bytes, bytearray, int, float, bool, type(None), type, types.ModuleType, types.CodeType)


class Secrets:
    """The secrets of a bound client, in every form in which they could be found again."""

    def __init__(self, *values: str | bytes) -> None:
        self.raw = [value.encode() if isinstance(value, str) else value for value in values]
        self.forms = {form for value in self.raw for form in self._forms(value)}

    @staticmethod
    def _forms(value: bytes) -> Iterator[bytes]:
        yield value
        yield value.hex().encode()
        yield repr(value)[2:-1].encode()
        # A part that no neighbours change, at each of the three offsets in base64.
        for offset in range(3):
            coded = base64.b64encode(b"\0" * offset + value)[4 : 4 * (len(value) // 3)]
            yield coded
            yield coded.replace(b"+", b"-").replace(b"/", b"_")
        if value.isascii():
            for order in ("utf-16-le", "utf-16-be"):
                yield value.decode().encode(order)

    def in_(self, found: str | bytes) -> bool:
        content = found.encode("utf-8", "surrogatepass") if isinstance(found, str) else found
        return any(form in content for form in self.forms)

    def held_by(self, thing: Any) -> bool:
        """Whether ``thing`` itself holds one, or a container that is its attribute does."""
        return any(
            isinstance(value, str | bytes) and self.in_(value) for part in _inside(thing) for value in _flat(part)
        )


def _flat(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value


def _inside(thing: Any) -> Iterator[Any]:
    """Yield the values of attributes: of a ``__dict__``, of slots, of a struct."""
    yield from getattr(thing, "__dict__", {}).values()
    names = [*getattr(type(thing), "__struct_fields__", ())]
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    for name in names:
        if not name.startswith("__"):
            value = getattr(thing, name, None)
            if value is not None:
                yield value


def reachable(root: Any) -> Iterator[Any]:
    """Yield every object of a class of ours that ``root`` leads to, through anything."""
    seen, waiting = {id(root)}, [root]
    while waiting:
        thing = waiting.pop()
        if type(thing).__module__.startswith(PACKAGE):
            yield thing
        if isinstance(thing, types.FunctionType):  # what it closes over; its globals are the whole program
            children = [cell.cell_contents for cell in thing.__closure__ or () if _filled(cell)]
        else:
            children = gc.get_referents(thing)
        for child in children:
            if isinstance(child, LEAVES) or id(child) in seen or isinstance(child, weakref.ref):
                continue
            if (isinstance(child, dict) and "__builtins__" in child) or type(child).__module__.startswith(BESIDE):
                continue
            seen.add(id(child))
            waiting.append(child)


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def outcomes(thing: Any) -> Iterator[tuple[str, str | bytes]]:
    """Yield how ``thing`` may be written, and what comes: of a refusal, all that its traceback says."""
    ways: dict[str, Callable[[], str | bytes]] = {
        "pickle": lambda: pickle.dumps(thing, 5),
        "pickle 2": lambda: pickle.dumps(thing, 2),
        "repr": lambda: repr(thing),
        "str": lambda: str(thing),
        "format": lambda: f"{thing} {thing!s} {thing!a}",
        "list": lambda: repr([thing]),
        "deepcopy": lambda: pickle.dumps(copy.deepcopy(thing), 5),
    }
    for name, way in ways.items():
        try:
            yield name, way()
        except Exception as error:  # noqa: BLE001 - whatever a library raises must be clean too
            yield f"{name}, refused", "".join(traceback.format_exception(error)) + repr(error.args)


@pytest.fixture(scope="module")
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Secrets]]:
    sandbox = request.getfixturevalue("_shared_sandbox")
    world = World(sandbox, tmp_path_factory.mktemp("copies") / "vault")
    config = world.config(
        secrets=PassphraseSecrets(PASSPHRASE), proxy=lambda: None, events=[], witness=False, background=True
    )
    with RocketVPN.open(config) as rocket:
        rocket.device.bind(sandbox.order())
        rocket.rights.view()
        ticket = rocket.rights.make_ticket("account")  # asks for a code: a stepped-up token
        rocket.rights.plan_delete("logs")
        rocket.consent.status()
        rocket.journal.flush()
        stored = rocket._components.vault.get(CREDENTIALS, Credentials)
        assert stored is not None
        session, keys = rocket._components.api.session, rocket._components.vault._keyed_store.keys
        assert session._token is not None
        assert session._elevated is not None
        assert keys is not None
        root = keys.root.stored[:32]
        secrets = Secrets(
            PASSPHRASE,
            stored.private_key,
            stored.refresh_token,
            session._token.value,
            session._elevated.value,
            ticket.code,
            root,
            keys._index,
            *keys._opened.values(),
        )
        yield (rocket, config, ticket, stored), secrets


@pytest.mark.clause("T1")
def test_nothing_that_a_client_leads_to_gives_a_secret_away(life: tuple[Any, Secrets]) -> None:
    roots, secrets = life
    leaks, kinds = [], set()
    for thing in (found for root in roots for found in reachable(root)):
        kind = type(thing).__qualname__
        if kind in kinds and not secrets.held_by(thing):
            continue
        kinds.add(kind)
        leaks += [f"{kind}: {way}" for way, said in outcomes(thing) if secrets.in_(said)]
    assert leaks == []
    assert {
        "RocketVPN",
        "Session",
        "OpenedKeys",
        "RootKey",
        "KeyedStore",
        "PassphraseSecrets",
        "Credentials",
        "Known",
    } <= kinds


@pytest.mark.clause("T1")
def test_what_holds_a_secret_is_not_copied(life: tuple[Any, Secrets]) -> None:
    roots, secrets = life
    holders, copied = set(), []
    for thing in (found for root in roots for found in reachable(root)):
        if secrets.held_by(thing):
            holders.add(type(thing).__qualname__)
            try:
                if copy.copy(thing) is not thing:  # a frozen value that is its own copy adds no holder
                    copied.append(type(thing).__qualname__)
            except TypeError:
                pass
    assert copied == []
    assert {"OpenedKeys", "RootKey", "PassphraseSecrets", "Credentials", "Known", "_Token", "PanicTicket"} <= holders


@pytest.mark.clause("T1")
def test_a_config_is_a_value_that_is_its_own_copy_and_never_a_file(world: World) -> None:
    proxied = f"http://user:{PROXY}@proxy.example:3128"
    config = world.config(secrets=PassphraseSecrets(PASSPHRASE), proxy=proxied)
    secrets = Secrets(PASSPHRASE, PROXY)
    assert copy.copy(config) is copy.deepcopy(config) is config
    assert msgspec.structs.replace(config, profile="other").proxy == proxied
    for way in (lambda: pickle.dumps(config), lambda: msgspec.json.encode(config)):
        with pytest.raises(TypeError) as refused:
            way()
        assert not secrets.in_("".join(traceback.format_exception(refused.value)) + repr(refused.value.args))
    assert not any(secrets.in_(said) for way, said in outcomes(config))
    for wrong in ({"proxy": f"socks://user:{PROXY}@x"}, {"secrets": PASSPHRASE}, {"proxy": proxied, "profile": ""}):
        arguments: dict[str, Any] = {"server": "https://x.example", "app_id": "org.example.vpn", **wrong}
        with pytest.raises(ConfigurationError) as raised:
            Config(**arguments)
        assert not secrets.in_("".join(traceback.format_exception(raised.value)))


@pytest.mark.clause("T1")
@pytest.mark.parametrize(
    "holder",
    [
        Credentials(device_id="D" * 52, private_key=PASSPHRASE.encode(), refresh_token=PASSPHRASE, client_id="c"),
        Pending(order_number=PASSPHRASE, device_id="D" * 52, private_key=PASSPHRASE.encode()),
        PanicTicket(server="https://x.example", scope="device", code=PASSPHRASE),
        PassphraseSecrets(PASSPHRASE),
        Known([PASSPHRASE], names=[PASSPHRASE]),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_holders_refuse_in_every_way(holder: Any) -> None:
    assert isinstance(holder, OneHolder | SecretStruct)
    secrets = Secrets(PASSPHRASE)
    assert not [way for way, said in outcomes(holder) if secrets.in_(said)]
    with pytest.raises(TypeError):
        copy.copy(holder)
