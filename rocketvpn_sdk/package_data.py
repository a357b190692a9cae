"""The files that are shipped inside the package: the policy, and the report's page."""

from __future__ import annotations

import errno

from rocketvpn_sdk.errors import InstallationIncomplete


def read_package_data(package: str, name: str) -> str:
    """Return the text of the file ``name`` in ``package``.

    Raises:
        InstallationIncomplete: it is not there, is not text, or too many files are open.
    """
    from importlib import resources  # here: it loads much that `import rocketvpn_sdk.errors` and the like do not need

    try:
        return resources.files(package).joinpath(name).read_text("utf-8")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        too_many = getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE)
        part, cause = f"{package.replace('.', '/')}/{name}", "files" if too_many else ""
        raise InstallationIncomplete(part=part, cause=cause) from None
