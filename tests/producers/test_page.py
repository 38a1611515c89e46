"""The examples of `docs/producers.md` run as they stand there."""

from pathlib import Path

from redis.asyncio import Redis

from tests.support.pages import blocks
from tests.support.processes import Processes
from tests.support.waiting import wait_until

PROJECT = Path(__file__).parents[2]


async def test_the_example_of_the_page_works_with_the_handler_of_the_readme(
    client: Redis, redis_url: str, processes: Processes, tmp_path: Path
) -> None:
    def code(page: str, mark: str) -> str:
        [found] = [each for each in blocks(page, "python") if mark in each]
        return found

    handler = code((PROJECT / "README.md").read_text(), "@registry.handler")
    producer = code((PROJECT / "docs/producers.md").read_text(), "BlockingProducer.connect")
    assert "redis://localhost:6379" in producer
    (tmp_path / "greetings.py").write_text(handler)
    (tmp_path / "producer.py").write_text(producer.replace("redis://localhost:6379", redis_url))
    here = {"PYTHONPATH": f"{tmp_path}:{PROJECT}", "REDIS_URL": redis_url}

    worker = processes.start("python", tmp_path / "greetings.py", environment=here)
    asking = processes.start("python", tmp_path / "producer.py", environment=here)

    await wait_until(lambda: not asking.is_running, "the producer has its answers", 30)
    assert asking.output() == "Hello Grace, on attempt 1\n1000 more are on their way\n"

    async def all_done() -> bool:
        return await client.hget("millstream:{greetings:0}:counters", "completed") == b"1001"

    await wait_until(all_done, "every job has run", 30)
    managing = code((PROJECT / "docs/producers.md").read_text(), "QueueManager.connect")
    (tmp_path / "managing.py").write_text(managing.replace("redis://localhost:6379", redis_url))
    manager = processes.start("python", tmp_path / "managing.py", environment=here)
    await wait_until(lambda: not manager.is_running, "the manager has done its work", 30)
    assert manager.output() == "0 moved, 0 retried, 1001 have run\n"
    assert worker.terminate() == 0
