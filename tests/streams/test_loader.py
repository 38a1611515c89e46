"""The header of a script is its signature."""

import re
from importlib import resources
from pathlib import Path

import pytest
from redis.asyncio import Redis

from streams.connection import open_blocking_client
from streams.errors import ScriptError
from streams.keys import Keys
from streams.scripts import loader
from streams.scripts.loader import Script, load
from streams.server import BlockingServer, Server
from streams.workers import retire
from tests.support.queues import QueueUnderTest, job, url_of

FOLDER = resources.files("streams.scripts")
NAMES = sorted(
    file.name.removesuffix(".lua")
    for file in FOLDER.iterdir()
    if file.name.endswith(".lua") and not file.name.startswith("_")
)
PIECES = sorted(
    file.name.removesuffix(".lua")
    for file in FOLDER.iterdir()
    if file.name.startswith("_") and file.name.endswith(".lua")
)
FIELDS = "keys|args|include|flags|returns"
TAKEN_WORDS = re.compile(
    r"and|break|do|else|elseif|end|false|for|function|if|in|local|nil|not|or|repeat|return|then"
    r"|true|until|while|KEYS|ARGV|redis|cjson|cmsgpack|tonumber|tostring|unpack|math|table|string"
    r"|ipairs|pairs|type|next|select|rows|row_keys|row_args"
)


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.lua").read_text(encoding="utf-8")


def header_of(name: str) -> list[str]:
    """The comment lines at the top of a script."""
    lines = text_of(name).splitlines()
    return lines[: next(i for i, line in enumerate(lines) if not line.startswith("--"))]


def test_there_are_scripts() -> None:
    assert {"enqueue", "fetch", "renew", "settle", "claim", "promote", "cancel"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_header_is_complete_and_comes_first(name: str) -> None:
    header = header_of(name)

    assert re.match(r"-- [A-Z]", header[0]), "it starts with a sentence on what the script does"
    fields = [line.split()[1] for line in header if re.match(rf"-- ({FIELDS}):", line)]
    assert fields == [f"{field}:" for field in FIELDS.split("|") if f"{field}:" in fields]
    assert {"keys:", "args:", "returns:"} <= set(fields)
    assert header[-1].startswith("-- returns: "), "what it returns is said, and said last"
    rest = text_of(name).splitlines()[len(header) :]
    assert not any(re.match(rf"-- ({FIELDS}):", line) for line in rest)


@pytest.mark.parametrize("name", NAMES)
def test_the_names_of_a_header_are_used_and_shadow_nothing(name: str) -> None:
    script = load(name)
    once = [*script.keys, *script.args]
    body = re.sub(r"--.*", "", script.text.partition("\n" + text_of(name).splitlines()[0])[2])
    shared = "\n".join(text_of(piece) for piece in PIECES)

    assert len(set(once)) == len(once)
    assert not [
        each for each in (*once, *script.row_keys, *script.row_args) if TAKEN_WORDS.fullmatch(each)
    ]
    for each in once:
        assert re.search(rf"\b{each}\b", body + shared), f"{each} is declared and never used"
    assert ("row_keys(" in body) == bool(script.row_keys)
    assert ("row_args(" in body) == bool(script.row_args)


@pytest.mark.parametrize("name", NAMES)
def test_the_pieces_that_a_script_includes_exist_and_are_used(name: str) -> None:
    [line] = [line for line in header_of(name) if line.startswith("-- include:")] or [""]

    for piece in line.removeprefix("-- include:").split():
        assert piece in PIECES
        defined = re.findall(r"^local (?:function )?(\w+)", text_of(piece), re.MULTILINE)
        others = load(name).text.replace(text_of(piece), "")
        assert any(re.search(rf"\b{word}\b", others) for word in defined), f"{piece} is not used"


@pytest.mark.parametrize("name", NAMES)
async def test_every_script_compiles(name: str, client: Redis) -> None:
    await client.script_load(load(name).source(shebang=False))


def test_a_piece_is_no_script() -> None:
    with pytest.raises(ScriptError, match=r"the header of _now.lua lacks: args, keys, returns"):
        load("_now")


def test_a_script_that_does_not_exist_is_named() -> None:
    with pytest.raises(ScriptError, match=r"there is no script nothing.lua"):
        load("nothing")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("return 1", "the header of new.lua lacks: args, keys, returns"),
        ("-- keys: a\n-- returns: 1", "the header of new.lua lacks: args"),
        (
            "-- keys:\n-- args:\n-- include: _one _two\n-- returns: 1",
            "new.lua includes what is not there: _one, _two",
        ),
    ],
)
def test_a_file_that_cannot_be_called_is_refused_when_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "new.lua").write_text(text)
    monkeypatch.setattr("streams.scripts.loader.resources.files", lambda _: tmp_path)

    with pytest.raises(ScriptError, match=said):
        load("new")


def made(keys: str = "", args: str = "") -> Script:
    """A script with this header."""
    (once, per_row), (once_args, per_row_args) = loader._names(keys), loader._names(args)
    return Script("made", once, per_row, once_args, per_row_args, (), "return 1")


def test_a_call_is_bound_in_the_order_of_the_header() -> None:
    script = made("first second | job", "one two | id count")

    call = script.bind(
        {"second": "k2", "first": "k1"},
        {"two": 2, "one": "1"},
        [(("job:a",), ("a", 1)), (("job:b",), ("b", 2))],
    )

    assert call.keys == ["k1", "k2", "job:a", "job:b"]
    assert call.args == ["1", 2, "a", 1, "b", 2]


@pytest.mark.parametrize(
    ("keys", "args", "said"),
    [
        ({}, {"one": 1}, r"made.lua: keys missing \['first'\], unknown \[\]"),
        ({"first": "k", "other": "k"}, {"one": 1}, r"keys missing \[\], unknown \['other'\]"),
        ({"frist": "k"}, {"one": 1}, r"keys missing \['first'\], unknown \['frist'\]"),
        ({"first": "k"}, {}, r"made.lua: args missing \['one'\], unknown \[\]"),
        ({"first": "k"}, {"one": 1, "two": 2}, r"args missing \[\], unknown \['two'\]"),
    ],
)
def test_names_that_do_not_fit_are_told(
    keys: dict[str, str], args: dict[str, int], said: str
) -> None:
    with pytest.raises(ScriptError, match=said):
        made("first", "one").bind(keys, args)


@pytest.mark.parametrize(
    "bad_row", [((), ("a", 1)), (("k", "k"), ("a", 1)), (("k",), ("a",)), (("k",), ("a", 1, 2))]
)
def test_a_row_of_another_length_is_refused(bad_row: tuple[tuple[str], tuple[str]]) -> None:
    script = made("| job", "| id count")

    with pytest.raises(ScriptError, match=r"a row of made.lua has 1 keys and 2 arguments, got"):
        script.bind({}, {}, [(("k",), ("a", 1)), bad_row])


def test_rows_for_a_script_without_rows_are_refused() -> None:
    with pytest.raises(ScriptError, match=r"made.lua takes no rows, got 1"):
        made("first").bind({"first": "k"}, {}, [((), ())])


async def test_a_call_that_does_not_fit_never_reaches_redis() -> None:
    """The client leads nowhere: asking it would raise another error."""
    nowhere = Redis(host="127.0.0.1", port=1)

    with pytest.raises(ScriptError, match="missing"):
        await Server(nowhere).run(load("fetch"), keys={}, args={})
    await nowhere.aclose()


async def test_names_and_rows_are_the_locals_of_the_script(client: Redis) -> None:
    text = (
        loader._binding(("first",), ("job", "body"), ("word",), ("id", "count"))
        + "\nlocal answer = { first, word, rows }"
        + "\nfor i = 1, rows do"
        + "\n  local job, body = row_keys(i)"
        + "\n  local id, count = row_args(i)"
        + "\n  answer[#answer + 1] = job .. body .. id .. count"
        + "\nend"
        + "\nreturn answer"
    )
    script = Script("made", ("first",), ("job", "body"), ("word",), ("id", "count"), (), text)

    answer = await Server(client).run(
        script,
        keys={"first": "{t}k"},
        args={"word": "w"},
        rows=[(("{t}j", "{t}b"), ("a", 1)), (("{t}J", "{t}B"), ("b", 2))],
    )

    assert answer == [b"{t}k", b"w", 2, b"{t}j{t}ba1", b"{t}J{t}Bb2"]


async def test_a_script_with_rows_may_be_called_with_none(queue: QueueUnderTest) -> None:
    assert await retire(queue.server, queue.keys, []) == []


async def test_a_server_that_has_forgotten_the_scripts_is_told_them_again(
    queue: QueueUnderTest,
) -> None:
    await queue.add(job(id="a"))
    await queue.client.script_flush()

    [again] = await queue.add(job(id="a"))
    await queue.client.script_flush()
    renewal = await queue.renew()
    cancelled = await queue.cancel("a")

    assert again.id == "a"
    assert not renewal.lost
    assert cancelled.name == "CANCELLED"
    assert await queue.counter("enqueued") == 1


async def test_the_blocking_server_heals_too(client: Redis) -> None:
    with open_blocking_client(url_of(client)) as blocking:
        server = BlockingServer(blocking)
        for _ in range(2):
            await client.script_flush()
            keys = {"delayed": Keys("test").delayed}
            assert server.run(load("due"), keys=keys, args={"count": 1}) == [[], -1]


async def test_flags_are_sent_where_the_server_knows_them(client: Redis) -> None:
    """The server itself says so: what it knows by which hash."""
    server = Server(client)
    script = load("fetch")
    release = str((await client.info("server"))["redis_version"]).split(".")
    await client.script_flush()

    keys = Keys("test")
    with pytest.raises(Exception, match="NOGROUP"):
        await server.run(
            script,
            {
                **keys.streams,
                "delayed": keys.delayed,
                "backlog": keys.backlog,
                "watchers": keys.watchers,
                "gate": keys.gate,
            },
            {"consumer": "one", "slots": 1, "served": 0},
        )
    known = await client.script_exists(script.sha(shebang=True), script.sha(shebang=False))

    assert script.flags == ("allow-oom",)
    assert script.source(shebang=True).startswith("#!lua flags=allow-oom\n")
    assert known == ([True, False] if int(release[0]) >= 7 else [False, True])


def test_a_script_without_flags_never_gets_a_shebang() -> None:
    """A bare `#!lua` is refused as a whole when memory is full, even if it only reads."""
    script = load("cancel")

    assert script.flags == ()
    assert script.source(shebang=True) == script.source(shebang=False)


def test_exactly_what_a_consumer_needs_and_what_empties_a_queue_passes_when_memory_is_full() -> (
    None
):
    flagged = {name for name in NAMES if "allow-oom" in load(name).flags}

    assert flagged == {"settle", "renew", "claim", "fetch", "promote", "admit", "abandon", "clear"}


@pytest.mark.parametrize("name", ["settle", "renew", "claim", "promote", "admit"])
def test_a_flagged_script_that_writes_passes_on_old_servers_too(name: str) -> None:
    """They check memory until the first write; `fetch` begins with one that needs none."""
    own = load(name).text.partition("\n" + text_of(name).splitlines()[0])[2]
    before = own.partition("pass_oom(critical)")[0]

    assert "pass_oom(critical)" in own
    functions_removed = re.sub(
        r"^local function .*?^end$", "", before, flags=re.MULTILINE | re.DOTALL
    )
    assert not re.search(r"'(HSET|SET|XADD|ZADD|RPUSH|SADD|HINCRBY)'", functions_removed)
