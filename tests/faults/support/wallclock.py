"""The clock of a Redis server, put forward and back while it runs.

The library below stands between the server and the C library. It adds what a file says to
the time of day, and leaves the monotonic clock alone, as a real change of the clock does.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long *shift_s;

__attribute__((constructor)) static void open_shift(void) {
  int file = open(getenv("CLOCK_SHIFT_FILE"), O_RDONLY);
  shift_s = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec real;
  int (*original)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
  original(CLOCK_REALTIME, &real);
  now->tv_sec = real.tv_sec + *shift_s;
  now->tv_usec = real.tv_nsec / 1000;
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int (*original)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
  int answer = original(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += *shift_s;
  return answer;
}

time_t time(time_t *now) {
  struct timeval real;
  gettimeofday(&real, 0);
  if (now) *now = real.tv_sec;
  return real.tv_sec;
}
"""


class WallClock:
    """Moves the time of day of every program that is started inside of `worn`."""

    def __init__(self, directory: Path) -> None:
        self._library = directory / "wallclock.so"
        self._shift = directory / "shift"
        source = directory / "wallclock.c"
        source.write_text(_SOURCE)
        self.put(0)
        compiler = compiler_of_this_machine()
        assert compiler is not None
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", self._library, source, "-ldl"], check=True
        )

    def put(self, shift_s: int) -> None:
        """The clock differs from the true one by *shift_s* from now on."""
        # Written over in place: the programs have the file in their memory.
        with self._shift.open("r+b" if self._shift.exists() else "w+b") as file:
            file.write(struct.pack("l", shift_s))

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Programs that are started in this block have this clock."""
        worn = {"LD_PRELOAD": str(self._library), "CLOCK_SHIFT_FILE": str(self._shift)}
        with mock.patch.dict(os.environ, worn):
            yield


def compiler_of_this_machine() -> str | None:
    """A C compiler, or None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")
