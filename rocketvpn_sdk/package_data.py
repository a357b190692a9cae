"""The files that are shipped inside the package: the policy, and the report's page."""

from __future__ import annotations

from rocketvpn_sdk.errors import InstallationIncomplete


def read_package_data(package: str, name: str) -> str:
    """Return the text of the file ``name`` in ``package``.

    Raises:
        InstallationIncomplete: it is not there, or is not text.
    """
    from importlib import resources  # here: it loads much that `import rocketvpn_sdk.errors` and the like do not need

    try:
        return resources.files(package).joinpath(name).read_text("utf-8")
    except (OSError, ImportError, UnicodeDecodeError):
        raise InstallationIncomplete(part=f"{package.replace('.', '/')}/{name}") from None
