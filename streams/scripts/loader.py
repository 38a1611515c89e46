"""Scripts whose header is their signature.

A transition is one `.lua` file. Its first comment lines say what it does, and then:

    -- keys: stream cancel | job history
    -- args: consumer lease_ms | entry id
    -- include: _now _owned
    -- flags: allow-oom
    -- returns: one code a row

Names before the bar come once, names behind it once a row. The loader turns them into
Lua locals (`stream`, `consumer`, ...) and the functions `row_keys(i)` and `row_args(i)`
over `rows` rows, and refuses a call that does not fit, before Redis is asked. So the
header is what a reader reads and what the program does.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from streams.errors import ScriptError

Arg = str | bytes | int
#: The keys and the arguments of one row.
Row = tuple[Sequence[str], Sequence[Arg]]

_HEADER = re.compile(r"^-- (keys|args|include|flags|returns): *(.*)$", re.MULTILINE)
_NO_FLAGS = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A script call, ready to send: keys and arguments in the order of the header."""

    script: "Script"
    keys: list[str]
    args: list[Arg]


@dataclass(frozen=True, slots=True)
class Script:
    """One transition, as its file describes it."""

    name: str
    keys: tuple[str, ...]
    row_keys: tuple[str, ...]
    args: tuple[str, ...]
    row_args: tuple[str, ...]
    flags: tuple[str, ...]
    text: str

    def bind(
        self, keys: Mapping[str, str], args: Mapping[str, Arg], rows: Sequence[Row] = ()
    ) -> Call:
        """Put names in the order of the header.

        Raises:
            ScriptError: a name is missing, is not in the header, or a row has another
                length than the header says.
        """
        if set(keys) != set(self.keys):
            raise ScriptError(_mismatch(self.name, "keys", self.keys, keys))
        if set(args) != set(self.args):
            raise ScriptError(_mismatch(self.name, "args", self.args, args))
        all_keys = [keys[name] for name in self.keys]
        all_args = [args[name] for name in self.args]
        keys_a_row, args_a_row = len(self.row_keys), len(self.row_args)
        if rows and not keys_a_row and not args_a_row:
            raise ScriptError(f"{self.name}.lua takes no rows, got {len(rows)}")
        for row_keys, row_args in rows:
            if len(row_keys) != keys_a_row or len(row_args) != args_a_row:
                raise ScriptError(
                    f"a row of {self.name}.lua has {keys_a_row} keys and {args_a_row} arguments, "
                    f"got {len(row_keys)} and {len(row_args)}"
                )
            all_keys.extend(row_keys)
            all_args.extend(row_args)
        return Call(self, all_keys, all_args)

    def source(self, *, shebang: bool) -> str:
        """The text to load; *shebang* where the server knows flags (Redis 7.0)."""
        return self._first(shebang=shebang) + self.text

    def _first(self, *, shebang: bool) -> str:
        return f"#!lua flags={','.join(self.flags)}\n" if shebang and self.flags else _NO_FLAGS

    @property
    def only_reads(self) -> bool:
        """True where the header says so: then a user who may not write may run it too."""
        return "no-writes" in self.flags

    def sha(self, *, shebang: bool) -> str:
        """The name under which the server knows the text."""
        return _sha(self._first(shebang=shebang), self.text)


@cache
def _sha(first: str, text: str) -> str:
    # Two arguments: a text that was joined for the call would be hashed for each look-up.
    return hashlib.sha1((first + text).encode(), usedforsecurity=False).hexdigest()


@cache
def load(name: str) -> Script:
    """The script in `<name>.lua`, with its shared pieces joined in.

    Raises:
        ScriptError: no such file, or a header that is incomplete.
    """
    folder = resources.files("streams.scripts")
    file = folder / f"{name}.lua"
    if not file.is_file():
        raise ScriptError(f"there is no script {name}.lua")
    text = file.read_text(encoding="utf-8")
    header = dict(_HEADER.findall(text))
    if missing := {"keys", "args", "returns"} - header.keys():
        raise ScriptError(f"the header of {name}.lua lacks: {', '.join(sorted(missing))}")
    keys, row_keys = _names(header["keys"])
    args, row_args = _names(header["args"])
    included = header.get("include", "").split()
    if missing := {piece for piece in included if not (folder / f"{piece}.lua").is_file()}:
        raise ScriptError(f"{name}.lua includes what is not there: {', '.join(sorted(missing))}")
    pieces = [(folder / f"{piece}.lua").read_text(encoding="utf-8") for piece in included]
    binding = _binding(keys, row_keys, args, row_args)
    return Script(
        name=name,
        keys=keys,
        row_keys=row_keys,
        args=args,
        row_args=row_args,
        flags=tuple(header.get("flags", "").split()),
        text="\n".join([binding, *pieces, text]),
    )


def _names(line: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    once, _, per_row = line.partition("|")
    return tuple(once.split()), tuple(per_row.split())


def _binding(
    keys: tuple[str, ...],
    row_keys: tuple[str, ...],
    args: tuple[str, ...],
    row_args: tuple[str, ...],
) -> str:
    """Lua locals for the names of the header."""
    lines = [
        f"local {name} = {table}[{number}]"
        for table, names in (("KEYS", keys), ("ARGV", args))
        for number, name in enumerate(names, start=1)
    ]
    if row_args:
        lines.append(f"local rows = (#ARGV - {len(args)}) / {len(row_args)}")
    elif row_keys:
        lines.append(f"local rows = (#KEYS - {len(keys)}) / {len(row_keys)}")
    for table, once, per_row in (("KEYS", keys, row_keys), ("ARGV", args, row_args)):
        if per_row:
            picked = ", ".join(f"{table}[at + {n}]" for n in range(1, len(per_row) + 1))
            lines.append(
                f"local function row_{table.replace('ARGV', 'args').lower()}(i) "
                f"local at = {len(once)} + (i - 1) * {len(per_row)} return {picked} end"
            )
    return "\n".join(lines)


def _mismatch(name: str, what: str, wanted: Sequence[str], got: Mapping[str, object]) -> str:
    missing = [each for each in wanted if each not in got]
    unknown = [each for each in got if each not in wanted]
    return f"{name}.lua: {what} missing {missing}, unknown {unknown}"
