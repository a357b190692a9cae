"""A receipt that cannot be kept says why, and what to do about that."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rocketvpn_sdk.errors import ExportFailed
from rocketvpn_sdk.rights import receipt_files
from rocketvpn_sdk.rights.receipt_files import keep_receipt

RECEIPT: Any = SimpleNamespace(token="signed", claims={}, keys={}, evidence={})


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("receipts", "something else is in its place"),
        ("receipts/of/this/year", "something on the way to it is not a folder"),
    ],
)
def test_a_file_where_the_folder_should_be_is_told_from_one_on_the_way_to_it(
    tmp_path: Path, where: str, problem: str
) -> None:
    (tmp_path / "receipts").write_bytes(b"something else")
    with pytest.raises(ExportFailed) as caught:
        keep_receipt(RECEIPT, tmp_path / where)
    assert caught.value.params["problem"] == problem
    assert caught.value.remedy == ExportFailed.REMEDIES["kind"]
    assert (tmp_path / "receipts").read_bytes() == b"something else"


@pytest.fixture
def _content(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in it is another matter."""
    monkeypatch.setattr(receipt_files, "receipt_to_json", lambda receipt: json.dumps({"token": receipt.token}).encode())


@pytest.mark.usefixtures("_content")
def test_it_is_one_file_of_the_users_own_however_often_it_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "receipts"
    first, again = (keep_receipt(RECEIPT, folder) for _ in range(2))
    other: Any = SimpleNamespace(**vars(RECEIPT) | {"token": "another"})
    assert first == again
    assert list(folder.iterdir()) == [first]
    assert keep_receipt(other, folder) != first
    assert first.stat().st_mode & 0o777 == 0o600
    assert json.loads(first.read_bytes())["token"] == "signed"


@pytest.mark.usefixtures("_content")
def test_a_folder_by_the_receipt_s_name_is_said(tmp_path: Path) -> None:
    name = keep_receipt(RECEIPT, tmp_path / "first").name
    (tmp_path / "second" / name).mkdir(parents=True)
    with pytest.raises(ExportFailed):
        keep_receipt(RECEIPT, tmp_path / "second")
