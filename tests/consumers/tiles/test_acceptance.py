"""The list of what users expect names a proof for each point, and the proofs exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
POINTS = range(1, 14)

_ROW = re.compile(r"^\| (\d+) \|(.*)\|\s*$", re.MULTILINE)
_PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows() -> dict[int, str]:
    page = (HERE / "acceptance.md").read_text()
    return {int(number): text for number, text in _ROW.findall(page)}


@cache
def proofs_in(file: str) -> frozenset[str]:
    path = HERE / file
    tree = ast.parse(path.read_text() if path.exists() else "")
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_point_is_there_once_and_in_order() -> None:
    assert [*rows()] == [*POINTS]


@pytest.mark.parametrize("number", POINTS)
def test_a_point_names_tests_that_exist(number: int) -> None:
    proofs = _PROOF.findall(rows()[number])

    assert proofs, f"point {number} names no test as `test_file.py::test_name`"
    assert [f"{file}::{name}" for file, name in proofs if name not in proofs_in(file)] == []
