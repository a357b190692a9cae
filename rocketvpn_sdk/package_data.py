"""The files that are shipped inside the package: the policy, and the report's page.

Touches: disk. Start with ``read_package_data``.
"""

from __future__ import annotations

import errno

from rocketvpn_sdk.errors import InstallationIncomplete


def read_package_data(package: str, name: str) -> str:
    """Return the text of the file ``name`` in ``package``.

    Raises:
        InstallationIncomplete: it is not there, is not text, or too many files are open.
    """
    from pkgutil import (
        get_data,
    )  # here: `import rocketvpn_sdk.errors` and the like do without; resources brings zipfile

    try:
        found = get_data(package, name)
        if found is None:
            raise FileNotFoundError
        return found.decode("utf-8").replace("\r\n", "\n")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        too_many = getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE)
        part, cause = f"{package.replace('.', '/')}/{name}", "files" if too_many else ""
        raise InstallationIncomplete(part=part, cause=cause) from None
