"""Enough of Lua's grammar to know where a script's statements, calls and conditions are."""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"(?P<blank>\s+|--[^\n]*)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<string>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?P<op>\.\.\.|\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}\[\];:,.])"
)
_KEYWORDS = frozenset(
    {"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in"}
    | {"local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"}
)
_BINARY = frozenset(
    {"+", "-", "*", "/", "%", "^", "..", "<", ">", "<=", ">=", "==", "~=", "and", "or"}
)
_UNARY = frozenset({"-", "not", "#"})


class LuaError(Exception):
    """Raised when a script uses Lua that the mutator does not read."""


@dataclass(frozen=True)
class Token:
    """A word of a script; `kind` is name, keyword, number, string, op or end."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Span:
    """A piece of the text."""

    start: int
    end: int


@dataclass(frozen=True)
class Statement(Span):
    """A statement; `block` numbers the block that it stands in."""

    kind: str
    block: int


@dataclass(frozen=True)
class Call(Span):
    """A function call and its arguments."""

    function: str
    args: tuple[Span, ...]


@dataclass
class Script:
    """What a script consists of."""

    text: str
    tokens: list[Token]
    statements: list[Statement] = field(default_factory=list)
    conditions: list[Span] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    minus_signs: set[int] = field(default_factory=set)
    """Places of minus signs that stand before a value, not between two."""


def read(text: str) -> Script:
    """Read a script.

    Raises:
        LuaError: it is not Lua, or not the part of it that this reads.
    """
    script = Script(text, _tokens(text))
    reader = _Reader(script)
    reader.block()
    reader.expect("")
    return script


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise LuaError(f"what is {text[at : at + 20]!r}?")
        if match.lastgroup != "blank":
            kind = "keyword" if match[0] in _KEYWORDS else match.lastgroup
            found.append(Token(kind, match[0], at, match.end()))
        at = match.end()
    return [*found, Token("end", "", len(text), len(text))]


class _Reader:
    """Recursive descent; precedence does not matter here."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._at = 0
        self._blocks = 0

    @property
    def _token(self) -> Token:
        return self._script.tokens[self._at]

    @property
    def _last_end(self) -> int:
        return self._script.tokens[self._at - 1].end

    def _next(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._token.kind in {"op", "keyword", "end"} and self._token.text in texts

    def expect(self, text: str) -> None:
        if not self._is(text):
            line = self._script.text.count("\n", 0, self._token.start) + 1
            raise LuaError(f"line {line}: expected {text!r}, found {self._token.text!r}")
        self._next()

    def _takes(self, text: str) -> bool:
        if self._is(text):
            self._next()
            return True
        return False

    def block(self) -> None:
        self._blocks += 1
        number = self._blocks
        while not self._is("end", "else", "elseif", "until", ""):
            start = self._token.start
            kind = self._statement()
            self._script.statements.append(Statement(start, self._last_end, kind, number))
            self._takes(";")

    def _statement(self) -> str:
        word = self._token.text if self._token.kind == "keyword" else ""
        special = {
            "if": self._if,
            "for": self._for,
            "while": self._while,
            "local": self._local,
            "return": self._return,
            "do": self._do,
        }
        if word in special:
            self._next()
            special[word]()
            return word
        if word == "break":
            self._next()
            return word
        self._suffixed()
        if not self._is("=", ","):
            return "call"
        while self._takes(","):
            self._suffixed()
        self.expect("=")
        self._list()
        return "assign"

    def _condition(self) -> None:
        start = self._token.start
        self._expression()
        self._script.conditions.append(Span(start, self._last_end))

    def _if(self) -> None:
        self._condition()
        self.expect("then")
        self.block()
        while self._takes("elseif"):
            self._condition()
            self.expect("then")
            self.block()
        if self._takes("else"):
            self.block()
        self.expect("end")

    def _while(self) -> None:
        self._condition()
        self.expect("do")
        self.block()
        self.expect("end")

    def _for(self) -> None:
        self._next()
        while self._takes(","):
            self._next()
        if not self._takes("="):
            self.expect("in")
        self._list()
        self.expect("do")
        self.block()
        self.expect("end")

    def _do(self) -> None:
        self.block()
        self.expect("end")

    def _local(self) -> None:
        if self._takes("function"):
            self._next()
            self._function()
            return
        self._next()
        while self._takes(","):
            self._next()
        if self._takes("="):
            self._list()

    def _return(self) -> None:
        if not self._is("end", "else", "elseif", "until", "", ";"):
            self._list()

    def _function(self) -> None:
        self.expect("(")
        while not self._takes(")"):
            self._next()
        self.block()
        self.expect("end")

    def _list(self) -> list[Span]:
        found = [self._expression()]
        while self._takes(","):
            found.append(self._expression())
        return found

    def _expression(self) -> Span:
        start = self._token.start
        while True:
            while self._is(*_UNARY):
                if self._is("-"):
                    self._script.minus_signs.add(self._token.start)
                self._next()
            self._simple()
            if not self._is(*_BINARY):
                return Span(start, self._last_end)
            self._next()

    def _simple(self) -> None:
        if self._takes("function"):
            self._function()
        elif self._is("{"):
            self._table()
        elif self._token.kind in {"number", "string"} or self._is("nil", "true", "false", "..."):
            self._next()
        else:
            self._suffixed()

    def _table(self) -> None:
        self.expect("{")
        while not self._takes("}"):
            if self._takes("["):
                self._expression()
                self.expect("]")
                self.expect("=")
            elif self._script.tokens[self._at + 1].text == "=":
                self._next()
                self._next()
            self._expression()
            if not self._takes(","):
                self._takes(";")

    def _suffixed(self) -> None:
        start = self._token.start
        if self._takes("("):
            self._expression()
            self.expect(")")
        elif self._token.kind == "name":
            self._next()
        else:
            self.expect("a name")
        while True:
            if self._takes(".") or self._takes(":"):
                self._next()
            elif self._takes("["):
                self._expression()
                self.expect("]")
            elif self._is("("):
                function = self._script.text[start : self._last_end]
                self._next()
                args = [] if self._is(")") else self._list()
                self.expect(")")
                self._script.calls.append(Call(start, self._last_end, function, tuple(args)))
            else:
                return
