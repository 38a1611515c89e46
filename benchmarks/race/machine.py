"""Where it is measured."""

import os
import platform
from pathlib import Path

import psutil

from streams.finding import FoundServer


def facts(found: FoundServer, *, has_aof: bool, cpu_loops: int) -> dict[str, str]:
    """What a reader has to know of the machine, at this moment."""
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    persistence = "append-only file, fsync every second" if has_aof else "none"
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Redis": f"{found.version} ({found.how}), persistence: {persistence}",
        "load": f"{load} (1, 5, 15 minutes) before the race",
        "10 ms of computing": f"{cpu_loops} hashes of 1 KiB",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
