"""The page about failures names a proof for each row, and the proofs exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = 38

_ROW = re.compile(r"^\| (\d+) \|(.*)\|\s*$", re.MULTILINE)
_PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows() -> dict[int, str]:
    page = (ROOT / "docs" / "failures.md").read_text()
    return {int(number): text for number, text in _ROW.findall(page)}


@cache
def proofs_in(path: Path) -> frozenset[str]:
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_every_row_is_there_once_and_in_order() -> None:
    assert [*rows()] == [*range(1, ROWS + 1)]


@pytest.mark.parametrize("number", range(1, ROWS + 1))
def test_a_row_names_a_test_that_exists(number: int) -> None:
    proofs = _PROOF.findall(rows()[number])

    assert proofs, f"row {number} names no test as `folder/test_file.py::test_name`"
    missing = [
        f"{file}::{name}"
        for file, name in proofs
        if not (ROOT / "tests" / file).exists() or name not in proofs_in(ROOT / "tests" / file)
    ]
    assert missing == []
