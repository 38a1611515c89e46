"""The small mistakes that somebody could make in a script, each as a text of its own."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.lua import Call, Script, Span, Statement, read

SCRIPTS = Path(__file__).parents[2] / "streams" / "scripts"

_COMPARED = {"==": "~=", "~=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_LOGIC = {"and": "or", "or": "and", "true": "false", "false": "true"}
_ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*"}
#: Words of a command that may be left out, with how many values behind them.
_OPTIONS = {"JUSTID": 0, "WITHSCORES": 0, "IDLE": 1, "COUNT": 1, "LIMIT": 2}
_TAKES_AWAY = re.compile(r"(leave\(|redis\.p?call\('(XACK|XDEL|ZREM|DEL|SREM)')")


@dataclass(frozen=True)
class Mutant:
    """A script with one mistake in it. `was` and `now` are the lines where it is."""

    script: str
    operator: str
    line: int
    was: str
    now: str
    text: str

    @property
    def name(self) -> str:
        """For people: where, and what."""
        return f"{self.script}:{self.line} [{self.operator}] {self.was}  =>  {self.now}"


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    text: str


def mutants_of(name: str) -> list[Mutant]:
    """Every mutant of `<name>.lua`, in the order of its lines."""
    return mutants_in(name, (SCRIPTS / f"{name}.lua").read_text())


def mutants_in(name: str, text: str) -> list[Mutant]:
    """Every mutant of a script's text."""
    script = read(text)
    found = [
        _mutant(name, operator, text, change)
        for operator, changes in OPERATORS.items()
        for change in changes(script)
    ]
    by_text = {mutant.text: mutant for mutant in found if mutant.text != text}
    return sorted(by_text.values(), key=lambda mutant: (mutant.line, mutant.operator))


def script_names() -> list[str]:
    """The scripts and their shared pieces."""
    return sorted(path.stem for path in SCRIPTS.glob("*.lua"))


def _mutant(name: str, operator: str, text: str, change: _Change) -> Mutant:
    changed = text[: change.start] + change.text + text[change.end :]
    first = text.rfind("\n", 0, change.start) + 1
    last = text.find("\n", change.end)
    last = len(text) if last < 0 else last
    return Mutant(
        script=name,
        operator=operator,
        line=text.count("\n", 0, change.start) + 1,
        was=" ".join(text[first:last].split()),
        now=" ".join(changed[first : last + len(changed) - len(text)].split()),
        text=changed,
    )


def _deleted(script: Script) -> Iterator[_Change]:
    for each in script.statements:
        if each.kind in {"call", "assign", "break"}:
            yield _Change(each.start, each.end, "do end")


def _swapped(words: dict[str, str]) -> Callable[[Script], Iterator[_Change]]:
    def changes(script: Script) -> Iterator[_Change]:
        for token in script.tokens:
            if token.kind in {"op", "keyword"} and token.text in words:
                if token.start in script.minus_signs:
                    continue
                yield _Change(token.start, token.end, words[token.text])

    return changes


def _renumbered(script: Script) -> Iterator[_Change]:
    for token in script.tokens:
        if token.kind == "number" and token.text.isdigit():
            if script.text[token.start - 1] == "[":
                continue  # the column of a reply: without it nothing works at all
            yield _Change(token.start, token.end, str(int(token.text) + 1))
            if int(token.text) > 0:
                yield _Change(token.start, token.end, str(int(token.text) - 1))


def _not_left_out(script: Script) -> Iterator[_Change]:
    for token in script.tokens:
        if token.text == "not":
            yield _Change(token.start, token.end, "")


def _negated(script: Script) -> Iterator[_Change]:
    for each in script.conditions:
        yield _Change(each.start, each.end, f"not ({script.text[each.start : each.end]})")


def _arguments_dropped(script: Script) -> Iterator[_Change]:
    for call in script.calls:
        if call.function in {"redis.call", "redis.pcall"}:
            words = [script.text[arg.start : arg.end].strip("'") for arg in call.args]
            yield from _options_dropped(call, words)
            yield from _values_dropped(call, words)


def _options_dropped(call: Call, words: list[str]) -> Iterator[_Change]:
    for at, word in enumerate(words):
        if at and word in _OPTIONS:
            yield _without(call, at, 1 + _OPTIONS[word])


def _values_dropped(call: Call, words: list[str]) -> Iterator[_Change]:
    """One pair of HSET, one name of HDEL or DEL, where others are left."""
    first, step = {"HSET": (2, 2), "HDEL": (2, 1), "DEL": (1, 1)}.get(words[0], (len(words), 1))
    if len(words) > first + step:
        for at in range(first, len(words), step):
            yield _without(call, at, step)


def _without(call: Call, at: int, number: int) -> _Change:
    """The call without *number* arguments from *at* on, and without the comma before them."""
    last = min(at + number, len(call.args)) - 1
    return _Change(call.args[at - 1].end, call.args[last].end, "")


def _taken_away_first(script: Script) -> Iterator[_Change]:
    """The old place goes before the new one is there."""
    for before, each in zip(script.statements, script.statements[1:], strict=False):
        if _may_swap(script.text, before, each):
            first, second = _text(script, each), _text(script, before)
            yield _Change(before.start, each.end, f"{first}\n{second}")


def _may_swap(text: str, before: Statement, each: Statement) -> bool:
    return (
        before.block == each.block
        and before.kind in {"call", "assign"}
        and each.kind == "call"
        and _TAKES_AWAY.match(text, each.start) is not None
        and _TAKES_AWAY.match(text, before.start) is None
    )


def _text(script: Script, span: Span) -> str:
    return script.text[span.start : span.end]


OPERATORS: dict[str, Callable[[Script], Iterator[_Change]]] = {
    "statement deleted": _deleted,
    "comparison": _swapped(_COMPARED),
    "logic": _swapped(_LOGIC),
    "arithmetic": _swapped(_ARITHMETIC),
    "number": _renumbered,
    "not left out": _not_left_out,
    "condition negated": _negated,
    "argument dropped": _arguments_dropped,
    "old place first": _taken_away_first,
}
