"""``python -m rocketvpn_sdk.cli``."""

from rocketvpn_sdk.cli import main

main()
