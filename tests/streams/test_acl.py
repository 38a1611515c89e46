"""Roles, tried command by command on a real server: what each can do, and what none can."""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, ResponseError

from producers.following import Following
from streams.acl import (
    CACHE_SCRIPTS,
    ROLES,
    Role,
    cache_rules,
    commands_of,
    file_line,
    role_named,
    rules,
    set_user,
)
from streams.audit.audit import audit
from streams.cache import Order, RedisCache
from streams.cancel import Cancellation
from streams.connection import open_blocking_client
from streams.dead import count_letters, purge
from streams.delayed import FROM_THE_FIRST, hear_of_soon
from streams.doctor.diagnose import diagnose
from streams.embedded import EmbeddedServer
from streams.errors import InvalidJobError, SettingsError
from streams.events import tell_started
from streams.inspection import inspect_queue
from streams.jobs import peek_state
from streams.keys import GROUP, Keys
from streams.priority import Priority
from streams.progress import note_progress
from streams.renew import renew
from streams.replay import Replayed
from streams.restamp import restamp
from streams.schedules import Ticked, fire, put_schedule, read_timetable, suspend, unschedule
from streams.server import BlockingServer, server_facts
from streams.settle import Settled, Verdict
from streams.state import State
from streams.why.explain import why
from streams.workers import retire
from tests.support.queues import QueueUnderTest, job, row
from tests.support.servers import connect
from tests.support.sleep import taken_in_sleep
from tests.support.waiting import TIMEOUT_S

PASSWORD = "hunter2"  # noqa: S105 - of users that live as long as a test
SHA256 = hashlib.sha256(PASSWORD.encode()).hexdigest()
NORMAL = "millstream:{test:0}:normal"
FOLDER = resources.files("streams.scripts")


@dataclass(frozen=True, slots=True)
class Users:
    """A server with a queue `test`, its administrator, and users of each role."""

    server: EmbeddedServer
    admin: QueueUnderTest
    clients: dict[str, Redis]
    has_selectors: bool

    def as_role(self, role: str) -> QueueUnderTest:
        """The queue in the hands of a role."""
        return QueueUnderTest(self.clients[role])

    def url(self, role: str) -> str:
        """Where a role connects."""
        return self.server.url.replace("redis://", f"redis://{role}:{PASSWORD}@")


@pytest.fixture(scope="module")
def server(
    server_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedServer]:
    """One server for all tests here, with a user of each role."""
    with EmbeddedServer(server_binary, tmp_path_factory.mktemp("acl") / "redis") as server:
        with connect(server.url) as admin:
            has_selectors = str(admin.info("server")["redis_version"]) >= "7"
            raw: Any = admin
            for role in ROLES.values():
                words = rules(role, queue="test", password_sha256=SHA256, selectors=has_selectors)
                if role.caches:
                    words += cache_rules(selectors=has_selectors)
                raw.execute_command("ACL", "SETUSER", role.name, *words)
        yield server


@pytest.fixture
async def users(server: EmbeddedServer) -> AsyncIterator[Users]:
    """The server, empty."""
    retry = Retry(NoBackoff(), 0)
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(Redis.from_url(server.url, retry=retry))
        await admin.flushall()
        clients: dict[str, Redis] = {}
        for role in ROLES:
            client = Redis(port=server.port, username=role, password=PASSWORD, retry=retry)
            clients[role] = await stack.enter_async_context(client)
        has_selectors = (await server_facts(admin)).release >= (7, 0)
        yield Users(server, QueueUnderTest(admin), clients, has_selectors)


async def test_a_service_sends_a_plain_xadd(users: Users) -> None:
    entry = await users.as_role("service").add_raw({"kind": "test.echo", "payload": "{}"})

    assert await users.admin.entries() == [entry]


async def test_a_producer_enqueues_follows_and_cancels(users: Users) -> None:
    producer = users.as_role("producer")
    await users.admin.open()
    await producer.add(
        job(id="ready", unique="slot"), job(id="later", delay_ms=60_000), job(id="taken")
    )
    await users.admin.fetch(slots=2)
    await producer.add(job(id="waits", unique="other"))

    cancelled = [await producer.cancel(each) for each in ("later", "waits", "taken")]

    assert cancelled == [Cancellation.CANCELLED, Cancellation.CANCELLED, Cancellation.ASKED]
    assert (await producer.look("taken")).state is State.RUNNING
    assert await peek_state(producer.server, producer.keys, "later") == (State.CANCELLED, b"")


@pytest.mark.parametrize("role", ["producer", "operator"])
async def test_a_producer_and_an_operator_hear_of_jobs(users: Users, role: str) -> None:
    queue = users.as_role(role)
    await users.admin.open()
    following = Following(queue.server, queue.keys)
    await users.as_role("producer").add(job(id="a"))
    events = following.events(["a"])

    with anyio.fail_after(TIMEOUT_S):
        heard = [await anext(events)]
        consumer = users.as_role("consumer")
        delivery = await consumer.fetch_one()
        await tell_started(consumer.server, consumer.keys, [delivery])
        await consumer.settle(delivery, Verdict.COMPLETED, detail=b"1")
        heard += [each async for each in events]

    assert [each.happening.value for each in heard] == ["seen", "started", "completed"]
    await following.close()


async def test_a_worker_hears_of_jobs_that_are_due_soon(users: Users) -> None:
    await users.as_role("producer").add(job(delay_ms=400))
    consumer = users.as_role("consumer")

    soon = await hear_of_soon(consumer.client, consumer.keys, FROM_THE_FIRST, block_ms=1)

    assert soon.due_in_ms == 400


@pytest.mark.parametrize("role", ["producer", "operator"])
async def test_a_producer_and_an_operator_keep_schedules_and_run_them(
    users: Users, role: str
) -> None:
    queue = users.as_role(role)
    server, keys = queue.server, queue.keys
    await put_schedule(server, keys, "daily", b"{}", times="t")
    [seen] = (await read_timetable(server, keys)).schedules
    first = job(id="first", unique="slot", unique_ttl_ms=60_000)

    fired = await fire(server, keys, seen, first, tick_ms=seen.last_ms, overlap=False)

    assert fired[0] is Ticked.READY
    [seen] = (await read_timetable(server, keys)).schedules
    again = await fire(server, keys, seen, job(), tick_ms=seen.last_ms, overlap=False)
    assert again == (Ticked.OVERLAP, "first")
    assert await suspend(server, keys, "daily", paused=True)
    await unschedule(server, keys, "daily")


@pytest.mark.parametrize("role", ["observer", "auditor"])
async def test_who_looks_sees_schedules_and_cannot_change_them(users: Users, role: str) -> None:
    await put_schedule(users.admin.server, users.admin.keys, "daily", b"{}", times="t")
    before = await users.admin.contents()
    looking = users.as_role(role)

    [seen] = (await read_timetable(looking.server, looking.keys)).schedules

    assert seen.name == "daily"
    with pytest.raises(ResponseError):
        await suspend(looking.server, looking.keys, "daily", paused=True)
    assert await users.admin.contents() == before


async def test_a_consumer_knows_no_schedule(users: Users) -> None:
    consumer = users.as_role("consumer")

    with pytest.raises(ResponseError):
        await put_schedule(consumer.server, consumer.keys, "daily", b"{}", times="t")
    with pytest.raises(ResponseError):
        await read_timetable(consumer.server, consumer.keys)

    assert await users.admin.contents() == {}


async def test_a_consumer_does_everything_that_a_worker_does(users: Users) -> None:
    consumer = users.as_role("consumer")
    await server_facts(consumer.client)
    await consumer.open()
    for verdict in sorted(Verdict, key=lambda each: each is Verdict.RELEASED):
        await users.admin.add(job(id=verdict.value, unique=verdict.value))
        delivery = await consumer.fetch_one()
        settled = await consumer.settle(
            delivery, verdict, detail=b'"why"', attempt=row(1), delay_ms=60_000
        )
        assert settled is Settled.RECORDED, verdict
    assert [each.id for each in await consumer.fetch()] == ["released"]


async def test_a_consumer_renews_claims_abandons_and_leaves(users: Users) -> None:
    consumer = users.as_role("consumer")
    await consumer.open()
    await users.admin.add(job(id="one"))
    delivery = await consumer.fetch_one("first")

    def renewed() -> list[str]:
        with open_blocking_client(users.url("consumer")) as blocking:
            pairs = [(delivery.token, delivery.id)]
            renew(BlockingServer(blocking), consumer.keys, "first", '{"name":"w"}', pairs)
            return [pairs[0][1]]

    assert await anyio.to_thread.run_sync(renewed) == ["one"]
    assert await note_progress(consumer.server, consumer.keys, delivery, 0.5, "half")
    await users.admin.lapse(delivery)
    assert len((await consumer.claim("second")).deliveries) == 1
    await consumer.abandon("second", cause="killed by SIGKILL")
    await restamp(consumer.server, consumer.keys, lease_ms=10_000)
    assert await retire(consumer.server, consumer.keys, ["first"]) == ["first"]
    assert (await inspect_queue(consumer.client, consumer.keys)).undelivered == 1


async def test_a_consumer_buries_what_lost_its_body_and_promotes(users: Users) -> None:
    consumer = users.as_role("consumer")
    await consumer.open()
    await users.admin.add(
        job(id="one", unique="slot"),
        job(id="due", delay_ms=60_000, unique="a"),
        job(id="hollow", delay_ms=60_000, unique="b"),
    )
    delivery = await consumer.fetch_one("first")
    await users.admin.lapse(delivery)
    await users.admin.client.xdel(NORMAL, delivery.token.entry)
    await users.admin.client.delete(users.admin.keys.body("hollow"))
    await users.admin.make_due("due", "hollow")

    assert len((await consumer.claim("second")).dead) == 1
    assert (await consumer.promote())[0] == 1
    assert await taken_in_sleep(consumer.client, consumer.keys, "third", block_ms=1000)


async def test_an_observer_sees_everything_and_may_run_the_doctor(users: Users) -> None:
    observer = users.as_role("observer")
    await users.admin.open()
    await users.admin.add(job(id="one"), job(id="dead"))
    for delivery in await users.admin.fetch():
        if delivery.id == "dead":
            await users.admin.settle(delivery, Verdict.DEAD, detail="no use", attempt=row(1))

    report = await inspect_queue(observer.client, observer.keys)
    assert (report.running, report.dead) == (1, 1)
    assert (await observer.look("one")).state is State.RUNNING
    assert (await why(observer.server, observer.keys, "one")).state == "running"
    assert (await observer.letter("dead")).cause == "no use"
    url = users.url("observer")
    found = {each.check: each for each in await diagnose(observer.server, url, [observer.keys])}
    assert found["scripts"].severity == "ok"
    assert found["fsync"].severity == "unknown"


async def test_an_auditor_audits(users: Users) -> None:
    await users.admin.add(job(id="one", unique="slot"), job(delay_ms=60_000))

    auditor = users.as_role("auditor")

    assert (await audit(auditor.client, auditor.keys)).is_clean
    await users.admin.client.delete(NORMAL)
    assert not (await audit(auditor.client, auditor.keys)).is_clean


async def test_an_operator_cancels_replays_and_purges(users: Users) -> None:
    operator = users.as_role("operator")
    await users.admin.open()
    await users.admin.add(job(id="one"), job(id="two"), job(id="three", unique="slot"))
    for delivery in await users.admin.fetch(slots=2):
        await users.admin.settle(delivery, Verdict.DEAD, detail="no use", attempt=row(1))

    assert await operator.replay(await operator.letter("one")) is Replayed.READY
    assert await purge(operator.server, operator.keys, [await operator.letter("two")]) == 1
    assert await operator.cancel("three") is Cancellation.CANCELLED
    assert await count_letters(operator.client, operator.keys) == 0
    assert (await why(operator.server, operator.keys, "one")).state == "ready"


async def test_a_deployer_prepares_a_queue(users: Users) -> None:
    deployer = users.as_role("deployer")

    await deployer.open()
    await deployer.client.script_load("return 1")

    assert await users.admin.client.xlen(NORMAL) == 0


async def test_who_may_keep_tiles_keeps_tiles(users: Users) -> None:
    cache = RedisCache(users.clients["consumer"])
    await cache.put("millstream:tile:a", b"png", timedelta(minutes=1))

    assert await RedisCache(users.clients["producer"]).get_many(["millstream:tile:a"]) == [b"png"]
    with pytest.raises(NoPermissionError):
        await RedisCache(users.clients["observer"]).get("millstream:tile:a")


async def test_who_may_keep_tiles_keeps_results_of_which_the_newest_stands(users: Users) -> None:
    cache = RedisCache(users.clients["consumer"])

    assert await cache.put_newest("gradient:a", b"{}", timedelta(days=30), Order(2, 1))
    assert not await cache.put_newest("gradient:a", b"[]", timedelta(days=30), Order(1, 9))
    assert await cache.get("gradient:a") == b"{}"


#: What nobody needs: each would destroy, read or take over more than its own work.
ATTACKS = [
    "FLUSHALL",
    "FLUSHDB",
    "CONFIG GET dir",
    "CONFIG SET dir /tmp",
    "CONFIG REWRITE",
    "EVAL return(1) 0",
    "SCRIPT FLUSH",
    "SCRIPT KILL",
    "KEYS *",
    "RANDOMKEY",
    f"XTRIM {NORMAL} MAXLEN 0",
    f"XSETID {NORMAL} 9-9",
    f"XGROUP DESTROY {NORMAL} {GROUP}",
    f"XGROUP SETID {NORMAL} {GROUP} $",
    f"RENAME {NORMAL} {NORMAL}x",
    f"COPY {NORMAL} {NORMAL}x",
    f"DUMP {NORMAL}",
    f"RESTORE {NORMAL}x 0 x",
    f"MIGRATE 127.0.0.1 1 {NORMAL} 0 1",
    f"MOVE {NORMAL} 1",
    f"UNLINK {NORMAL}",
    f"EXPIRE {NORMAL} 1",
    f"OBJECT FREQ {NORMAL}",
    f"SORT {NORMAL}",
    "DEBUG SLEEP 0",
    "SHUTDOWN NOSAVE",
    "MODULE LIST",
    "ACL LIST",
    "ACL SETUSER x on nopass +@all ~*",
    "MONITOR",
    "CLIENT KILL TYPE normal",
    "CLIENT LIST",
    "CLIENT PAUSE 1",
    "REPLICAOF NO ONE",
    "SLAVEOF NO ONE",
    "FAILOVER",
    "CLUSTER RESET",
    "SUBSCRIBE x",
    "PSUBSCRIBE *",
    "PUBLISH x y",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
    "SWAPDB 0 1",
    "MULTI" + "X",  # a command that no server has: so that an unknown one is no proof
    "GET foreign",
    "XADD foreign * a b",
    "XADD millstream:{test2:0}:normal * a b",
    "HGETALL millstream:{test2:0}:job:one",
]
#: The functions and selectors of 7.0 bring these.
ATTACKS_OF_7 = ["FUNCTION LIST", "FUNCTION FLUSH", "FCALL f 0", "SPUBLISH x y", "ACL DRYRUN a b"]


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_may_attack(users: Users, role: str) -> None:
    """Really sent, not asked of the server: what it lets through would happen."""
    await users.admin.open()
    await users.admin.client.set("foreign", "secret")
    before = await users.admin.contents()
    raw: Any = users.clients[role]
    allowed: list[str] = []
    for attack in [*ATTACKS, *(ATTACKS_OF_7 if users.has_selectors else [])]:
        try:
            await raw.execute_command(*attack.split())
        except NoPermissionError:
            continue
        except ResponseError as error:
            # DEBUG is refused to everybody before rights are looked at.
            if attack != "MULTIX" and "DEBUG command not allowed" not in str(error):
                allowed.append(f"{attack} ({error})")
        else:
            allowed.append(attack)

    assert allowed == []
    assert await users.admin.contents() == before


@dataclass(frozen=True, slots=True)
class Own:
    """A command on keys of the queue itself, and who may send it."""

    attack: str
    roles: frozenset[str]
    is_guarded: bool = False
    """Denied by a selector: without one, whoever may DEL a record may DEL the stream."""


OWN = [
    Own(f"DEL {NORMAL}", frozenset(), is_guarded=True),
    Own(f"PEXPIRE {NORMAL} 1", frozenset(), is_guarded=True),
    Own(f"SET {NORMAL} x", frozenset(), is_guarded=True),
    Own(f"XGROUP DELCONSUMER {NORMAL} {GROUP} x", frozenset({"consumer"})),
    Own(f"XACK {NORMAL} {GROUP} 0-1", frozenset({"consumer", "operator", "producer"})),
    Own(f"XADD {NORMAL} * a b", frozenset({"service", "producer", "consumer", "operator"})),
    Own(
        "HSET millstream:{test:0}:job:x state dead", frozenset({"producer", "consumer", "operator"})
    ),
    Own("SCAN 0", frozenset({"auditor"})),
]


@pytest.mark.parametrize("own", OWN, ids=lambda own: own.attack.split()[0])
async def test_within_a_queue_each_role_has_its_part(users: Users, own: Own) -> None:
    await users.admin.open()
    could: set[str] = set()
    for role in ROLES:
        raw: Any = users.clients[role]
        try:
            await raw.execute_command(*own.attack.split())
        except NoPermissionError:
            continue
        except ResponseError as error:
            assert "WRONGTYPE" in str(error)  # noqa: PT017 - the other outcome is fine too
        could.add(role)

    if own.is_guarded and not users.has_selectors:
        assert could <= {"producer", "consumer", "operator"}
        pytest.skip("without selectors, who may delete a record may delete a stream")
    assert could == own.roles


@pytest.mark.parametrize("role", [role.name for role in ROLES.values() if role.scripts])
@pytest.mark.parametrize(
    "body",
    [
        "return redis.call('GET', 'foreign')",
        "return redis.call('SET', 'foreign', 'mine')",
        "return redis.call('FLUSHALL')",
        "return redis.call('CONFIG', 'GET', 'dir')",
        "return redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)",
        "return redis.call('DEL', 'millstream:{test2:0}:normal')",
    ],
)
async def test_a_script_has_the_rights_of_its_caller(users: Users, role: str, body: str) -> None:
    await users.admin.client.set("foreign", "secret")
    await users.admin.open()
    client = users.clients[role]
    sha = await client.script_load(body)
    reads_only = ROLES[role].only_reads and users.has_selectors
    call: Callable[..., Awaitable[Any]] = client.evalsha_ro if reads_only else client.evalsha

    with pytest.raises(ResponseError) as refused:
        await call(sha, 1, NORMAL)

    words = "NOPERM|ACL|can't access|can't run|permissions|not allowed from script|can not write"
    assert re.search(words, f"{type(refused.value).__name__} {refused.value}", re.IGNORECASE)
    assert await users.admin.client.get("foreign") == b"secret"


@pytest.mark.parametrize("role", ["observer", "auditor"])
async def test_who_only_looks_cannot_run_a_script_that_writes(users: Users, role: str) -> None:
    await users.admin.open()

    with pytest.raises(ResponseError):
        await users.as_role(role).add(job(id="one"))

    assert await users.admin.entries() == []


def test_commands_are_read_from_the_scripts() -> None:
    """Every call of every script is one that the reader understands."""
    for file in FOLDER.iterdir():
        if not file.name.endswith(".lua"):
            continue
        text = file.read_text(encoding="utf-8")
        calls = len(re.findall(r"redis\.p?call\(", text))
        assert len(re.findall(r"redis\.p?call\('[A-Z]+'", text)) == calls, file.name
    assert {"xinfo|stream", "xinfo|groups", "hgetall"} <= commands_of("census")


def test_every_script_belongs_to_a_role() -> None:
    names = {f.name.removesuffix(".lua") for f in FOLDER.iterdir() if f.name.endswith(".lua")}
    public = {name for name in names if not name.startswith("_")}

    of_roles = {script for role in ROLES.values() for script in role.scripts}
    assert public == of_roles | set(CACHE_SCRIPTS)


def test_patterns_cover_exactly_the_keys_of_a_queue() -> None:
    words = rules(role_named("consumer"), queue="test", password_sha256=SHA256)

    keys = {word.removeprefix("~") for word in words if word.startswith("~")}
    assert NORMAL.replace("{test:0}", "{test:*}") in keys
    assert Keys("test").unique("*").replace("{test:0}", "{test:*}") in keys
    everywhere = rules(role_named("consumer"), queue=None, password_sha256=SHA256)
    assert "~millstream:{*}:normal" in everywhere


def test_a_line_carries_a_hash_and_never_a_password() -> None:
    words = rules(role_named("producer"), queue="test", password_sha256=SHA256)

    assert set_user("app", words).startswith(f"ACL SETUSER app reset on #{SHA256} ")
    assert file_line("app", words).startswith(f"user app reset on #{SHA256} ")
    assert "nopass" not in words
    for wrong in (PASSWORD, SHA256[:-1], SHA256.upper(), ""):
        with pytest.raises(SettingsError) as refused:
            rules(role_named("producer"), queue=None, password_sha256=wrong)
        assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("name", ["default", "", "a b", "x\nACL", "9"])
def test_a_name_cannot_smuggle_rules(name: str) -> None:
    with pytest.raises(SettingsError):
        set_user(name, [])


def test_unknown_roles_and_queues_are_refused() -> None:
    with pytest.raises(SettingsError, match="take one of service, producer"):
        role_named("root")
    with pytest.raises(InvalidJobError):
        rules(role_named("service"), queue="Tiles *", password_sha256=SHA256)


@pytest.mark.parametrize("role", ROLES.values(), ids=lambda role: role.name)
def test_old_servers_get_no_selector_and_no_new_command(role: Role) -> None:
    words = rules(role, queue="test", password_sha256=SHA256, selectors=False)

    assert not [word for word in words if word.startswith(("(", "%"))]
    assert "+evalsha_ro" not in words


def words_of(line: bytes) -> list[bytes]:
    """The server writes the rules in an order of its own."""
    return sorted(re.findall(rb"[^\s()]+", line))


async def test_a_server_takes_the_line_from_its_acl_file(users: Users, tmp_path: Path) -> None:
    """What ACL LIST says of the user is what an ACL file would make of the line."""
    if not users.has_selectors:
        pytest.skip("one form is enough")
    words = rules(role_named("producer"), queue="test", password_sha256=SHA256)
    file = tmp_path / "users.acl"
    file.write_text(file_line("filed", words) + "\n")
    with EmbeddedServer(
        users.server._binary, tmp_path / "other", config={"aclfile": str(file)}
    ) as other:
        async with Redis.from_url(other.url) as client:
            raw: Any = client
            [line] = [x for x in await raw.execute_command("ACL", "LIST") if b"filed" in x]
    admin: Any = users.admin.client
    await admin.execute_command("ACL", "SETUSER", "filed", *words)
    [expected] = [x for x in await admin.execute_command("ACL", "LIST") if b"user filed" in x]
    assert words_of(line) == words_of(expected)


async def test_the_priority_streams_of_a_service_are_its_only_keys(users: Users) -> None:
    service = users.as_role("service")
    for level in Priority:
        await service.add_raw({"kind": "k", "payload": "{}"}, level)
    raw: Any = service.client

    for name in ("dead", "delayed", "counters", "job:x"):
        with pytest.raises(NoPermissionError):
            await raw.execute_command("XADD", f"millstream:{{test:0}}:{name}", "*", "a", "b")
