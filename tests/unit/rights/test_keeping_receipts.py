"""A receipt that cannot be kept says why, and what to do about that."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rocketvpn_sdk.errors import ExportFailed
from rocketvpn_sdk.rights.kept import keep_receipt

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
    assert caught.value.action == ExportFailed.remedies["kind"]
    assert (tmp_path / "receipts").read_bytes() == b"something else"
