"""`python -m export.verify DIR/NAME/1`: proves a version through TensorFlow's C++ loader, as a stock server runs it.

A SavedModel is a program, and loading it runs it. So everything that a server would read is inspected first, on a
private copy of the version (`export.inspection`). Only what passes is run, in a process that may be killed
(`export.proof`), has no Keras, no TensorFlow Probability and none of TensorFlow's Python, and runs no XLA. The first
refusal ends it.

The exit code is 0, or 1 for a version that fails a check, or 2 for a path that is no version.
"""

import tempfile
from pathlib import Path

from export import child, library, manifest, versions
from tfgen import commandline

NAME = "python -m export.verify"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(verify, arguments, NAME)


def verify(version: Path, /, *, pin: str = "", timeout: float = 120.0) -> None:
    """Proves a version through TensorFlow's C++ loader, with XLA disabled, as a stock server runs it.

    Args:
        version: the directory of a version, such as served/vae/1.
        pin: the SHA-256 of its manifest.json, as the export printed it; any other version is refused.
        timeout: seconds that one check of the running model may take.
    """
    with commandline.bad_input():
        versions.check(version)
    if pin and not manifest.SHA256.fullmatch(pin.lower()):
        commandline.fail(f"pin must be a SHA-256 of 64 hexadecimal digits, got {pin!r}")
    if not timeout > 0:
        commandline.fail(f"timeout must be above 0, got {timeout:g}")
    try:
        library.available()
        results = check(version, pin, timeout)
    except ImportError as error:
        commandline.fail(error)
    except OSError as error:
        commandline.fail(f"no room for a private copy of {str(version)!r}: {error.strerror or error}")
    print(commandline.table([(name, "ok" if passed else "FAILED", detail) for name, passed, detail in results]))
    name, passed, _ = results[-1]
    if not passed:
        commandline.fail(f"{version} fails {name}", commandline.FAILED)
    print(f"{version} holds what it promises")


def check(version: Path, pin: str = "", timeout: float = 120.0) -> list[tuple[str, bool, str]]:
    """Runs the checks, up to the first that fails. Returns (name, passed, detail) each.

    Args:
        version: the directory.
        pin: the SHA-256 that its manifest must have; empty if any may be.
        timeout: seconds that one check of the running model may take.

    Raises:
        OSError: there is no room for a private copy.
    """
    with tempfile.TemporaryDirectory(prefix="verifying-") as folder:
        return list(child.results(version.resolve(), Path(folder), pin, timeout))


if __name__ == "__main__":
    main()
