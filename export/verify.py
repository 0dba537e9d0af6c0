"""`python -m export.verify DIR/NAME/1`: verifies a version with TensorFlow's C++ loader, as a stock server runs it.

A SavedModel is a program, and loading it runs it. So everything that a server would read is inspected first, on a
private copy of the version (`export.inspection`). Only what passes is run, in a process that may be killed
(`export.proof`), has no Keras, no TensorFlow Probability and none of TensorFlow's Python, and runs no XLA. The first
refusal ends it.

The exit code is 0, 1 for a version that fails a check, 2 for a path that is not a version, or 4 if there is no room
for the copy.
"""

import re
import tempfile
from pathlib import Path

from export import child, library, versions
from tfgen import checks, commandline

NAME = "python -m export.verify"
TIMEOUT = 120.0  # seconds that one check may take
SHORTEST, LONGEST = 1, 1_000_000
SHA256 = re.compile("[0-9a-f]{64}")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(verify, arguments, NAME)


def verify(version: Path, /, *, pin: str = "", timeout: float = TIMEOUT) -> None:
    """Inspects a version, then verifies it with TensorFlow's C++ loader, without XLA, as a stock server runs it.

    Args:
        version: the directory of a version, such as served/vae/1.
        pin: the SHA-256 of its manifest.json, as the export printed it. Any other version is refused.
        timeout: seconds that one check may take.
    """
    check_options(version, timeout)
    if pin and not SHA256.fullmatch(pin.lower()):
        commandline.fail(f"pin must be a SHA-256 of 64 hexadecimal digits, got {pin!r}")
    if failed := proved(version, pin, timeout):
        commandline.fail(f"{version} fails {failed}", commandline.FAILED)
    print(f"{version} holds what it promises")


def check_options(version: Path, timeout: float) -> None:
    """Ends the process unless a path is a version, a timeout can be kept, and the C++ loader can be reached."""
    with commandline.bad_input():
        versions.check(version)
        checks.in_range("timeout", timeout, SHORTEST, LONGEST)
    try:
        library.available()
    except ImportError as error:
        commandline.fail(error)


def no_room(error: OSError) -> None:
    """Ends the process, because there is no room for a private copy of a version."""
    place = repr(tempfile.gettempdir())
    commandline.fail(
        f"no private copy of a version fits into {place}: {error.strerror or error}", commandline.NOT_WRITTEN
    )


def proved(version: Path, pin: str = "", timeout: float = TIMEOUT) -> str:
    """Prints the table of a version's checks. Returns the name of the one that it fails, "" if it passes all.

    Arguments are those of `check`. Where there is no room for a private copy, the process ends.
    """
    try:
        results = check(version, pin, timeout)
    except OSError as error:
        no_room(error)
    print(commandline.table([(name, "ok" if passed else "FAILED", detail) for name, passed, detail in results]))
    name, passed, _ = results[-1]
    return "" if passed else name


def check(version: Path, pin: str = "", timeout: float = TIMEOUT) -> list[tuple[str, bool, str]]:
    """Runs the checks, up to the first that fails. Returns (name, passed, detail) each.

    Args:
        version: the directory.
        pin: the SHA-256 that its manifest must have; empty if any may be.
        timeout: seconds that one check may take.

    Raises:
        OSError: there is no room for a private copy.
    """
    return list(child.results("export.proof", timeout, str(version.resolve()), pin))


if __name__ == "__main__":
    main()
