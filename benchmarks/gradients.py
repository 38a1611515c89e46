"""What a gradient costs: processor time of a large photo, and a thousand jobs end to end.

The pictures of the jobs are those of a folder (`--gallery`), each many times under names of
their own, or ones that the program makes. They lie in a directory, so that no object store is
measured. Memory is that of the worker and all of its children together.
"""

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import anyio
import numpy as np
import psutil
from PIL import Image
from redis.asyncio import Redis

from benchmarks.counting import completed, require_all_ran
from benchmarks.ground import server_to_start, told
from consumers.handlers.gradients.gradient import gradient_of
from producers.client import Producer
from producers.order import new_job
from producers.payloads.gradients import GradientJob
from streams.embedded import EmbeddedServer
from streams.job import NewJob
from streams.keys import Keys

KEYS = Keys("gradients")
LOOK_S = 0.02


def photo(width: int, height: int, seed: int = 1) -> bytes:
    """A JPEG with as much detail as a photo: noise of several sizes over a gradient."""
    rng = np.random.default_rng(seed)
    layers = [
        Image.fromarray(rng.integers(0, 256, (height // step, width // step, 3), dtype=np.uint8))
        for step in (200, 40, 4)
    ]
    picture = layers[0].resize((width, height), Image.Resampling.BICUBIC)
    for layer in layers[1:]:
        picture = Image.blend(picture, layer.resize((width, height)), 0.15)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def large_photo(rounds: int) -> None:
    """Processor time from the bytes of 24 megapixels to the gradient."""
    data = photo(6000, 4000)
    gradient_of(data)
    times_ms: list[float] = []
    for _ in range(rounds):
        started = time.process_time()
        gradient_of(data)
        times_ms.append((time.process_time() - started) * 1000)
    print(
        f"{'24 MP JPEG, bytes to gradient':38} p50 {statistics.median(times_ms):.0f} ms of CPU, "
        f"max {max(times_ms):.0f} ms ({len(data) / 1e6:.1f} MB)"
    )


def same_process(pictures: list[bytes], count: int) -> None:
    """Many gradients in this process: does its memory grow?"""
    for data in pictures:
        gradient_of(data)
    before = psutil.Process().memory_info().rss
    started = time.process_time()
    for number in range(count):
        gradient_of(pictures[number % len(pictures)])
    cost_ms = (time.process_time() - started) * 1000 / count
    after = psutil.Process().memory_info().rss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{f'{count} pictures in one process':38} {cost_ms:.1f} ms of CPU each, "
        f"RSS {before / 2**20:.0f} -> {after / 2**20:.0f} MiB (peak {peak:.0f})"
    )


@contextmanager
def gradient_worker(environment: Mapping[str, str], slots: int) -> Iterator[psutil.Process]:
    """A worker process of the gradient system for as long as the block lasts."""
    command = [sys.executable, "-m", "consumers.cli", "gradients", "--log-level", "error"]
    process = subprocess.Popen(
        [*command, "-c", str(slots)],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **environment},
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


def memory_mib(worker: psutil.Process) -> tuple[float, float]:
    """RSS of the worker, and of its children together."""
    own, children = worker.memory_info().rss, 0
    for child in worker.children(recursive=True):
        try:
            children += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return own / 2**20, children / 2**20


def spent_s(worker: psutil.Process) -> float:
    """Processor time of the worker and of all its children, those that have ended included."""
    times = worker.cpu_times()
    spent: float = times.user + times.system + times.children_user + times.children_system
    for child in worker.children(recursive=True):
        try:
            own = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += own.user + own.system
    return spent


async def through_the_queue(
    client: Redis, url: str, environment: Mapping[str, str], names: list[str], slots: int
) -> None:
    """All pictures through one worker process; the first fifth warms it up."""
    await client.flushall()
    warm = len(names) // 5
    with gradient_worker({**environment, "REDIS_URL": url}, slots) as worker:
        async with Producer.connect(url, queue=KEYS.queue) as jobs:
            await jobs.enqueue_many(map(_job, names[:warm]))
            await _until(client, warm)
            at_start, started, spent = memory_mib(worker), time.perf_counter(), spent_s(worker)
            await jobs.enqueue_many(map(_job, names[warm:]))
            peak = 0.0
            while await completed(client, KEYS) < len(names):
                peak = max(peak, sum(memory_mib(worker)))
                await anyio.sleep(LOOK_S)
            seconds, at_end = time.perf_counter() - started, memory_mib(worker)
            cost_ms = (spent_s(worker) - spent) * 1000 / (len(names) - warm)
        await require_all_ran(client, KEYS, len(names))
    print(
        f"{f'{len(names)} jobs, one worker, {slots} slots':38} "
        f"{(len(names) - warm) / seconds:.1f} jobs/s, {cost_ms:.0f} ms of CPU each, "
        f"RSS of the worker {at_start[0]:.0f} -> "
        f"{at_end[0]:.0f} MiB, of its children {at_start[1]:.0f} -> {at_end[1]:.0f} MiB "
        f"(all at once at most {peak:.0f})"
    )


async def _until(client: Redis, count: int) -> None:
    while await completed(client, KEYS) < count:  # noqa: ASYNC110 - another process counts
        await anyio.sleep(LOOK_S)


def _job(name: str) -> NewJob:
    return new_job(GradientJob(guild_id="1", gallery_name="bench", storage_key=name, item_id=name))


def pictures_of(gallery: Path | None) -> list[tuple[str, bytes]]:
    """Name and bytes of each picture of the folder, or of twelve photos made here."""
    if gallery is None:
        return [(f"{number}.jpg", photo(1600, 1200, number)) for number in range(12)]
    files = sorted(each for each in gallery.iterdir() if each.suffix != ".md")
    return [(each.name, each.read_bytes()) for each in files]


def main() -> None:
    """Measure on a Redis and in a directory of our own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gallery", type=Path, help="a folder of pictures")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10, help="of the large photo")
    arguments = parser.parse_args()
    found, binary = server_to_start()
    print(f"{told(found)}\n")
    pictures = pictures_of(arguments.gallery)
    large_photo(arguments.rounds)
    same_process([data for _, data in pictures], arguments.jobs)
    with (
        EmbeddedServer(binary) as server,
        tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory,
    ):
        names: list[str] = []
        for number in range(arguments.jobs):
            name, data = pictures[number % len(pictures)]
            names.append(f"{number}-{name}")
            (Path(directory) / names[-1]).write_bytes(data)
        environment = {"MILLSTREAM_GRADIENTS_DIR": directory}

        async def measure() -> None:
            async with Redis.from_url(server.url) as client:
                for slots in (1, 2, 4):
                    await through_the_queue(client, server.url, environment, names, slots)

        anyio.run(measure)


if __name__ == "__main__":
    main()
