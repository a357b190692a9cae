"""``python -m rocketvpn_sdk``: the command line.

Touches: ``vault``, ``transport``, ``sandbox``. Start with ``main``.
"""

from rocketvpn_sdk.cli import main

if __name__ == "__main__":
    main()
