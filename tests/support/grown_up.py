"""What a grown-up user who wants everything could pass to every public call, for tests that walk all of them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.events import Notification
from support.app_events import Crashed, SessionConnected
from support.noticing import NOTICE_NOWHERE
from support.offering import OFFER, offered_by
from support.releases import made_up, publish
from support.reporting import prepared_nowhere
from support.surveying import ANSWERS, SURVEY, listed
from support.walking import Values, heard, somewhere
from support.world import World, tunnel_key

EVENTS = [SessionConnected, Crashed]
EMAIL, LANGUAGE, GUARDIAN = "kim.new@example.org", "de", "mum@family.example"
UNPASSABLE = {"policy.shown", "policy.accept"}
"""Calls that need what is not there: there is no newer version to take note of."""


def values(world: World, folder: Path) -> Values:
    """Return what can be passed, by the names of parameters."""
    kinds = [SessionConnected(region="de-fra", protocol="wireguard", duration=12), Crashed(failure="timeout")]

    if not world.sandbox.releases.listed().channels:
        publish(world.sandbox, "1.1", b"a release")
        world.sandbox.sign(listed())
        world.sandbox.sign(offered_by(world.sandbox))

    def offered(rocket: RocketVPN) -> list[Any]:
        with suppress(RocketVPNError):
            return [release for release in (rocket.updates.check().release,) if release]
        return []

    def notices(rocket: RocketVPN) -> list[Any]:
        asked = rocket.consent.status().purposes
        return [rocket.consent.notice(part.purpose, recipient=part.recipient) for part in asked]

    return {
        "call": lambda _: [
            {"operation": "tunnel.register", "public_key": tunnel_key(), "region": "de-fra"},
            {"operation": "tunnel.register", "public_key": tunnel_key(), "contact_email": EMAIL},
            {"operation": "data.view"},
            {"operation": "no.such"},
        ],
        "kind": lambda _: [Notification],
        "callback": lambda _: [heard],
        "notification": lambda _: [Notification()],
        "look": lambda _: [dict],
        "kinds": lambda _: [EVENTS],
        "level": lambda _: ["ERROR"],
        "journal.compiled": lambda _: [{"kind": kind} for kind in EVENTS],
        "journal.keep": lambda rocket: [
            {"compiled": rocket.journal.compiled(type(kind)), "values": msgspec.structs.astuple(kind)} for kind in kinds
        ],
        "config": lambda _: [world.config(events=EVENTS)],
        "order_number": lambda _: [world.sandbox.order()],
        "device_id": lambda _: [None],
        "request_id": lambda rocket: [item.id for item in rocket.queue.items()] or ["none"],
        "ticket_id": lambda _: ["0" * 64],
        "journal.record.event": lambda _: list(kinds),
        "purpose": lambda _: ["improvement", "surveys", "service", "advertising"],
        "language": lambda _: ["en"],
        "consent.grant.notice": notices,
        "consent.deny.notice": notices,
        "adult": lambda _: [True],
        "contact": lambda _: [GUARDIAN],
        "of_age": lambda _: [False],
        "code": lambda _: ["000000"],
        "changes": lambda _: [{"contact_email": EMAIL, "language": LANGUAGE}],
        "scope": lambda _: ["logs", "account"],
        "plan": lambda rocket: [rocket.rights.plan_delete(scope) for scope in ("logs", "device")],
        "term": lambda _: ["contact_email"],
        "entry": lambda rocket: list(rocket.rights.sent())[:1],
        "body": lambda _: [b""],
        "policy.shown.notice": lambda _: [],
        "policy.accept.notice": lambda _: [],
        "release": lambda rocket: [made_up(), *offered(rocket)],
        "report": lambda _: [prepared_nowhere()],
        "survey_id": lambda _: ["no-such", SURVEY.id],
        "answers": lambda _: [ANSWERS, {"speed": 7}],
        "offer_id": lambda _: ["no-such", OFFER.id],
        "policy.acknowledge.notice": lambda rocket: rocket.policy.notices() or [NOTICE_NOWHERE],
        "updates.download.folder": lambda _: [folder],
        "path": somewhere(folder),
        "folder": somewhere(folder),
    }
