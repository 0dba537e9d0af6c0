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
from pathlib import Path

from tfgen import checks

MEMORY = 2**32  # bytes, beside the library and four times the weights
ENDING = (signal.SIGALRM, signal.SIGXCPU)  # end the process after the time that it may take
WORDS = 300  # characters of an error that are shown


def begin(folder: Path) -> None:
    """Bounds this process's memory, and lets it end with the process that started it and holds its standard input.

    Args:
        folder: its private folder, which is then removed.
    """
    _limit(resource.RLIMIT_AS, MEMORY)
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()


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


def tell(lines) -> None:
    """Prints lines of JSON for `export.child`; where making them fails, the last is why: [False, why].

    It is [None, why] where the private folder cannot be written to, which says nothing about the version.
    """
    try:
        for line in lines:
            print(json.dumps(line), flush=True)
    except FileNotFoundError as error:
        print(json.dumps([False, f"{error.filename} is gone"]), flush=True)
    except OSError as error:
        print(json.dumps([None, error.strerror or str(error)]), flush=True)
    except Exception as error:  # a version may fail in any way: each is a failed check, not a crash
        why = checks.shortened(str(error), WORDS) or type(error).__name__
        print(json.dumps([False, why]), flush=True)


def _end_with_parent(folder: Path) -> None:
    while os.read(0, 1):  # returns when nobody holds the other end any more
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
