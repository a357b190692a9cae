"""The data files that belong into a frozen app. Modules need no help: every import of them is written out."""

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("rocketvpn_sdk", excludes=["py.typed", "locale/babel.cfg", "locale/*.pot"])
