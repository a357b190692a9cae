"""``python -m rocketvpn_sdk``: the command line."""

from rocketvpn_sdk.cli import main

if __name__ == "__main__":
    main()
