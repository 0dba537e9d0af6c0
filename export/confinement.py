"""How a process that runs somebody else's SavedModel is kept within bounds: its time, its memory, its files, its life.

The kernel keeps the bounds, so they hold while TensorFlow's C++ code runs, whatever that does.
"""

import json
import math
import os
import resource
import shutil
import signal
import threading
import time
from pathlib import Path

from tfgen import checks

MEMORY = 2**32  # bytes, beside the library and four times the weights
ENDING = (signal.SIGALRM, signal.SIGXCPU)  # end the process after the time that it may take
WORDS = 300  # characters of an error that are shown
LINGER = 60  # seconds, which removing a folder may take


def run(folder: Path, steps) -> None:
    """Runs a generator in a private folder, and prints what it yields as lines of JSON, for `export.child`.

    Where it fails, the last line is why: [False, why], or [None, why] where the folder cannot be written to, which says
    nothing about the version. The memory of this process is bounded. It ends, and removes the folder, when the process
    that started it is gone, which holds its standard input.

    Args:
        folder: made here, so that it is never without its keeper.
        steps: the generator; it calls `allow` before each step.
    """
    _limit(resource.RLIMIT_AS, MEMORY)
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        for line in _to_the_end(folder, steps):
            print(json.dumps(line), flush=True)
    except BrokenPipeError:
        time.sleep(LINGER)  # the reader is gone: the thread that waits for that is removing the folder


def _to_the_end(folder: Path, steps):
    try:
        folder.mkdir(0o700)
        threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
        yield from steps
    except FileNotFoundError as error:
        yield False, f"{error.filename} is gone"
    except OSError as error:
        yield None, error.strerror or str(error)
    except Exception as error:  # a version may fail in any way: each is a failed check, not a crash
        yield False, checks.shortened(str(error), WORDS) or type(error).__name__


def _end_with_parent(folder: Path) -> None:
    while os.read(0, 1):  # returns when nobody holds the other end any more
        pass
    while folder.exists():  # the other thread may still write into it
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def allow(seconds: float) -> None:
    """Gives this process some seconds from now on, of the clock, and of processor time on every core."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cores = len(os.sched_getaffinity(0))
    _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds * cores))
    signal.setitimer(signal.ITIMER_REAL, seconds)


def confine(weights: int) -> None:
    """Lets this process write no file, and bounds its memory by what weights of so many bytes let expect."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY + 4 * weights)
    _limit(resource.RLIMIT_FSIZE, 0)


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
