"""What no line of this service may do: turn data into code.

Entries come from anybody who may write to Redis. A worker that unpickles, evaluates or
imports what an entry says runs what its sender wants.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path for room in ("streams", "producers", "consumers") for path in (ROOT / room).rglob("*.py")
)

#: Formats whose reading runs code, or shells and templates that do.
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "marshal",
    "shelve",
    "yaml",
    "jsonpickle",
    "code",
    "codeop",
    "pty",
}
BUILTINS = {"eval", "exec", "compile", "__import__", "input", "breakpoint"}
CALLS = {
    "os.system",
    "os.popen",
    "numpy.fromfile",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "importlib.import_module",
    "importlib.util.spec_from_file_location",
    "runpy.run_path",
    "runpy.run_module",
    "pydoc.locate",
    "pkgutil.resolve_name",
    "ctypes.CDLL",
    "logging.config.fileConfig",
}
#: Of these, the ones that are harmless where the name stands in the program.
NAMED = {"importlib.import_module", "ctypes.CDLL"}
#: Methods whose argument decides whether they run code.
ARGUMENTS = {
    "shell": True,
    "allow_pickle": True,
}

#: Imports by a name that is known only at run time: (file, function), and whose the name is.
BY_NAME: dict[tuple[str, str], str] = {
    ("consumers/children/source.py", "find_factory"): "the operator's own code, which named it",
    ("consumers/systems.py", "find_system"): "our table of systems; the user names one of its rows",
    ("producers/cli/groups.py", "load_group"): "entry points of installed distributions",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dotted(node: ast.expr) -> str:
    """`os.path.join` of an attribute; empty where it is no plain name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the function that it is in."""

    def walk(node: ast.AST, within: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            inside = within
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = child.name
            yield inside, child
            yield from walk(child, inside)

    yield from walk(tree, "")


def aliases_of(tree: ast.Module) -> dict[str, str]:
    """What names mean that a file imports: `{"import_module": "importlib.import_module"}`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.asname: each.name for each in node.names if each.asname}
    return found


def banned(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """(function, line, what) for each banned thing in a file."""
    aliases = aliases_of(tree)
    for within, node in functions_of(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for name in [*names, module]:
                if name.partition(".")[0] in MODULES:
                    yield within, node.lineno, name
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func)
        head, _, rest = called.partition(".")
        full = f"{aliases.get(head, head)}{'.' if rest else ''}{rest}"
        is_literal = bool(node.args) and isinstance(node.args[0], ast.Constant)
        if called in BUILTINS or (full in CALLS and not (full in NAMED and is_literal)):
            yield within, node.lineno, full
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "load"
            and "entry_point" in called
        ):
            yield within, node.lineno, full
        for keyword in node.keywords:
            wanted = ARGUMENTS.get(keyword.arg or "")
            value = keyword.value
            if wanted is not None and not (
                isinstance(value, ast.Constant) and value.value is not wanted
            ):
                yield within, node.lineno, f"{keyword.arg}="


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_turns_data_into_code(path: Path) -> None:
    found = [
        f"{name_of(path)}:{line} {what}"
        for within, line, what in banned(ast.parse(path.read_text()))
        if (name_of(path), within) not in BY_NAME
    ]

    assert found == []


def test_every_exception_is_needed() -> None:
    used = {
        (name_of(path), within)
        for path in FILES
        for within, _, _ in banned(ast.parse(path.read_text()))
    }

    assert set(BY_NAME) == used & set(BY_NAME)


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "import yaml",
        "eval(x)",
        "exec(x)",
        "__import__(x)",
        "import importlib\nimportlib.import_module(x)",
        "from importlib import import_module\nimport_module(x)",
        "from importlib import import_module as get\nget(x)",
        "import subprocess\nsubprocess.run(x, shell=True)",
        "run(x, shell=flag)",
        "import os\nos.system(x)",
        "import numpy as np\nnp.load(x, allow_pickle=True)",
        "entry_point.load()",
    ],
)
def test_the_search_finds_it(line: str) -> None:
    assert len(list(banned(ast.parse(line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "import orjson",
        "orjson.loads(x)",
        "from importlib import import_module as m\nm('deflate')",
        "run(x, shell=False)",
        "re.compile(x)",
        "loader.load(x)",
    ],
)
def test_the_search_leaves_it_alone(line: str) -> None:
    assert list(banned(ast.parse(line))) == []
