"""Between a worker and its child go bounded frames of data, and nothing that could run."""

import ast
import asyncio
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.children.frames import (
    BODY_BYTES_MAX,
    FROM_CHILD,
    HEADER_BYTES_MAX,
    TO_CHILD,
    Cancel,
    Channel,
    FrameError,
    Progress,
    Result,
    read_frame,
)
from consumers.children.words import EXIT_MEMORY, exit_words

CONSUMERS = Path(__file__).parents[3] / "consumers"
#: Would make objects, or code, out of what somebody else has written.
BANNED = {"pickle", "marshal", "shelve", "yaml", "dill", "cloudpickle", "multiprocessing"}
#: What is imported by a name that does not stand in the code: systems, from a fixed table,
#: and the factory of a child, which the operator's own code names.
MAY_IMPORT = {"systems.py", "children/source.py"}


async def channels() -> tuple[Channel, socket.socket]:
    ours, theirs = socket.socketpair()
    return Channel(*await asyncio.open_unix_connection(sock=ours)), theirs


async def test_a_frame_arrives_as_it_was_sent_whatever_its_body_is() -> None:
    ours, theirs = socket.socketpair()
    sender = Channel(*await asyncio.open_unix_connection(sock=ours))
    receiver = Channel(*await asyncio.open_unix_connection(sock=theirs))

    await sender.send(Result(run=7), b"\x00\xff" * 1000)
    heard = await receiver.receive()
    sender.close()

    assert heard is not None
    assert (read_frame(FROM_CHILD, heard[0]), heard[1]) == (Result(run=7), b"\x00\xff" * 1000)
    assert await receiver.receive() is None
    receiver.close()


@pytest.mark.parametrize(
    "lengths", [(HEADER_BYTES_MAX + 1, 0), (1, BODY_BYTES_MAX + 1), (2**32 - 1, 2**32 - 1)]
)
async def test_a_frame_that_announces_too_much_is_refused_before_it_is_read(
    lengths: tuple[int, int],
) -> None:
    channel, peer = await channels()
    with peer:
        peer.sendall(b"".join(each.to_bytes(4, "big") for each in lengths))
        with pytest.raises(FrameError, match="a frame may have"):
            await channel.receive()
    channel.close()


async def test_a_frame_that_is_too_large_is_not_sent() -> None:
    channel, peer = await channels()
    with peer, pytest.raises(FrameError, match="a frame may have"):
        await channel.send(Result(run=1), bytes(BODY_BYTES_MAX + 1))
    channel.close()


async def test_a_frame_cut_off_by_a_death_is_the_end() -> None:
    channel, peer = await channels()
    peer.sendall(b"\x00\x00\x00\x10\x00\x00\x00\x00{")
    peer.close()

    assert await channel.receive() is None
    channel.close()


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b'{"say": "run"}',
        b'{"say": "pickle", "data": "gASV"}',
        b'{"say": "progress", "run": 1, "fraction": 2, "message": ""}',
        b'{"say": "progress", "run": 1, "fraction": NaN, "message": ""}',
        b'{"say": "result", "run": "1"}',
        b'{"say": "result", "run": 1, "class": "os.system"}',
        b'{"say":"failed","run":1,"nature":"OSError","error":"","message":"","traceback":""}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_frame_that_says_something_else_is_refused(header: bytes) -> None:
    with pytest.raises(FrameError):
        read_frame(FROM_CHILD, header)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_no_bytes_do_more_than_be_refused(header: bytes) -> None:
    with pytest.raises(FrameError):
        read_frame(FROM_CHILD, header)
    with pytest.raises(FrameError):
        read_frame(TO_CHILD, header)


def test_what_each_side_says_is_known_to_the_other() -> None:
    said = Progress(run=1, fraction=0.5, message="half")

    assert read_frame(FROM_CHILD, said.model_dump_json().encode()) == said
    assert read_frame(TO_CHILD, Cancel().model_dump_json().encode()) == Cancel()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-11, "killed by SIGSEGV"),
        (-9, "killed by SIGKILL"),
        (-99, "killed by signal 99"),
        (0, "exit status 0"),
        (3, "exit status 3"),
        (EXIT_MEMORY, "memory limit"),
    ],
)
def test_the_end_of_a_process_has_words(status: int, words: str) -> None:
    assert exit_words(status) == words


def test_no_worker_makes_objects_of_what_it_reads_or_imports_what_a_job_names() -> None:
    found: list[str] = []
    for path in CONSUMERS.rglob("*.py"):
        name = path.relative_to(CONSUMERS).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{name}: {each}" for each in modules if each.split(".")[0] in BANNED]
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called = node.func.id
                by_name = called == "import_module" and not isinstance(node.args[0], ast.Constant)
                if called in {"eval", "exec", "__import__", "compile"} or (
                    by_name and name not in MAY_IMPORT
                ):
                    found.append(f"{name}: {called}")

    assert found == []
