"""The laws of the house: what may know what, and how every file presents itself."""

import ast
import importlib
import re
import shutil
import subprocess
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: From left to right: a room imports itself and the rooms before it.
ROOMS = ("streams", "producers", "consumers")

#: A file is read in one sitting. About 300 lines is where to look for a second noun.
LINES_MAX = 320

#: What a handler may import of the three rooms, besides its own package and `producers`:
#: handlers know no Redis, no worker and no other handler, so that each can be read,
#: tested and installed alone.
OPEN_TO_HANDLERS = {
    "consumers.batch",
    "consumers.errors",
    "consumers.handler",
    "consumers.objects.bucket",
    "consumers.objects.errors",
    "consumers.registry",
    "consumers.retry",
    "consumers.variables",
    "streams.cache",
}

#: Where packages come from is the business of whoever installs them.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("debian", "org"),
        ("hub", "docker", "com"),
        ("golang", "org"),
    )
]

#: A folder of one machine.
HOME_OF_ONE_MACHINE = re.compile(r"(?<![\w./-])/(?:work|root)\b")


def files_of(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file it does so."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: name the room that you import from"
            yield node.module or ""


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_left_only(room: str) -> None:
    """So that who only enqueues installs no worker, and the queue knows of no tile."""
    to_the_right = ROOMS[ROOMS.index(room) + 1 :]

    found = [
        f"{name_of(path)} imports {module}"
        for path in files_of(room)
        for module in imports_of(path)
        if module.split(".")[0] in to_the_right
    ]

    assert found == []


def test_handlers_know_neither_redis_nor_the_worker_nor_each_other() -> None:
    found: list[str] = []
    for path in files_of("consumers/handlers"):
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts[:3])
        for module in imports_of(path):
            house = module.split(".")[0] in {"streams", "consumers"}
            allowed = module in OPEN_TO_HANDLERS or is_within(module, own)
            if is_within(module, "redis") or (house and not allowed):
                found.append(f"{name_of(path)} imports {module}")

    assert found == []


def test_only_streams_names_a_key_of_a_job() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in files_of("producers", "consumers")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "millstream:{" in node.value
    ]

    assert found == []


def test_every_file_is_read_in_one_sitting() -> None:
    """There is no list of exceptions, or it would be no law."""
    scripts = sorted((ROOT / "streams").rglob("*.lua"))
    lengths = {
        name_of(path): len(path.read_text().splitlines()) for path in [*files_of(*ROOMS), *scripts]
    }

    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


def undocumented(path: Path) -> Iterator[str]:
    """What a reader can import from a file and finds without a word."""
    module = tree_of(path)
    if module.body and ast.get_docstring(module) is None:
        yield name_of(path)
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            if ast.get_docstring(node) is None:
                yield f"{name_of(path)}:{node.lineno} {node.name}"
            for member in node.body if isinstance(node, ast.ClassDef) else ():
                if (
                    isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
                    and not member.name.startswith("_")
                    and ast.get_docstring(member) is None
                ):
                    yield f"{name_of(path)}:{member.lineno} {node.name}.{member.name}"


def test_everything_public_says_what_it_promises() -> None:
    assert [name for path in files_of(*ROOMS) for name in undocumented(path)] == []


def test_what_a_module_lists_is_what_it_exports() -> None:
    """Every name in `__all__` is there, and a package lists every name that it offers."""
    found: list[str] = []
    for path in files_of(*ROOMS):
        if "__all__" not in path.read_text():
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
        listed = set(module.__all__)
        found += [f"{name_of(path)} has no {name}" for name in listed - set(vars(module))]
        if path.name == "__init__.py":
            offered = {
                name
                for name, value in vars(module).items()
                if not name.startswith("_") and not isinstance(value, types.ModuleType)
            }
            found += [f"{name_of(path)} does not list {name}" for name in offered - listed]

    assert found == []


def test_no_file_names_a_folder_of_one_machine_or_a_registry() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if HOME_OF_ONE_MACHINE.search(line) or any(host in line for host in REGISTRY_HOSTS):
                found.append(f"{name}:{number}: {line.strip()[:100]}")

    assert found == []
