"""The demo's update: a release that the operator signed is downloaded, and one that somebody changed is not."""

from __future__ import annotations

from datetime import UTC, datetime

from rocketvpn_sdk import platforms
from rocketvpn_sdk.cli.demo.stage import INSTALLED, Stage
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.errors import UpdateError
from rocketvpn_sdk.sandbox.releases import NewRelease, files_folder
from rocketvpn_sdk.vault.header import FORMAT

_NEXT, _CHANGED = "1.1", "1.2"
_NAMES_SOMEBODY = {"authorization", "dpop", "cookie"}


def update(stage: Stage, rocket: RocketVPN) -> None:
    """Look for a release, download it, and see a changed one refused."""
    stage.narrator.step("The app gets an update")
    folder = stage.folder / "downloads"
    folder.mkdir(mode=0o700)
    before = len(stage.sandbox.requests)
    _publish(stage, _NEXT)
    found = rocket.updates.check().release
    package = rocket.updates.download(found, folder) if found else None
    stage.narrator.say(
        f"Version {_NEXT} was published. The app, version {INSTALLED}, fetched the operator's signed list and decided"
        " on this device that it is for it. It downloaded the file, and compared it with what two keys signed."
    )
    genuine = package is not None and rocket.updates.certify(package).version == _NEXT
    stage.checks.add("update-is-genuine", genuine, "The update is the file that the operator signed.")
    seen = stage.sandbox.requests[before:]
    named = [each.path for each in seen if _NAMES_SOMEBODY & {name.lower() for name, _ in each.headers}]
    stage.checks.add(
        "update-names-nobody",
        seen and not named and stage.device_id not in repr(seen),
        f"In the {len(seen)} requests for it there was no token, no key and no number of this device.",
    )
    _publish(stage, _CHANGED)
    place = files_folder(stage.sandbox.folder) / platforms.kind() / _CHANGED / "package"
    place.write_bytes(place.read_bytes().replace(b"genuine", b"changed"))
    stage.checks.add(
        "changed-update-is-refused",
        _refuses(rocket, stage) and [path.name for path in folder.iterdir()] == [_name(_NEXT)],
        f"Of version {_CHANGED} the server had another file than was signed: it was refused, and nothing of it stayed.",
    )


def _refuses(rocket: RocketVPN, stage: Stage) -> bool:
    found = rocket.updates.check().release
    if found is None or found.version != _CHANGED:
        return False
    try:
        rocket.updates.download(found, stage.folder / "downloads")
    except UpdateError as error:
        return error.cause == "changed"
    return False


def _publish(stage: Stage, version: str) -> None:
    package = stage.folder / _name(version)
    package.write_bytes(b"the genuine app, version %s\n" % version.encode() * 1000)
    stage.sandbox.releases.publish(
        NewRelease(
            version=version,
            package=package,
            platform=platforms.kind(),
            vault_format=FORMAT,
            published=datetime.now(UTC).date(),
        )
    )


def _name(version: str) -> str:
    return f"app-{version}.bin"
