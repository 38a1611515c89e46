"""The README's code runs as it stands there."""

from pathlib import Path

from redis.asyncio import Redis

from tests.support.pages import blocks
from tests.support.processes import Processes
from tests.support.waiting import wait_until

README = Path(__file__).parents[1] / "README.md"


async def test_the_examples_of_the_readme_work_together(
    client: Redis, redis_url: str, processes: Processes, tmp_path: Path
) -> None:
    """The handler example serves the producer example."""
    code = blocks(README.read_text(), "python")
    [producer] = [each for each in code if "Producer.connect" in each]
    [handler] = [each for each in code if "@registry.handler" in each]
    assert "redis://localhost:6379" in producer
    (tmp_path / "producer.py").write_text(producer.replace("redis://localhost:6379", redis_url))
    (tmp_path / "greetings.py").write_text(handler)
    here = {"PYTHONPATH": f"{tmp_path}:{README.parent}", "REDIS_URL": redis_url}

    worker = processes.start("python", tmp_path / "greetings.py", environment=here)
    asking = processes.start("python", tmp_path / "producer.py", environment=here)

    await wait_until(lambda: not asking.is_running, "the producer has its answer", 30)
    assert asking.output() == "Hello Ada, on attempt 1\n"
    assert worker.terminate() == 0
    assert await client.xlen("millstream:{greetings:0}:dead") == 0
