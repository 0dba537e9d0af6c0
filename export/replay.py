"""`python -m export.replay DIR/NAME/1 --url URL`: sends a version's golden requests to a running server."""

import json
import time
import zlib
from pathlib import Path
from zipfile import BadZipFile

from export import contract, golden, versions
from export.client import Client, ServingError
from export.rest import without_user
from tfgen import checks, commandline

NAME = "python -m export.replay"
DEPARTS = commandline.FAILED
DAMAGED = (BadZipFile, zlib.error)  # an archive


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(replay, arguments, NAME)


def replay(version: Path, /, *, url: str, timeout: float = 30.0, wait: float = 0.0) -> None:
    """Sends a version's golden requests to a server and compares the answers.

    Args:
        version: the directory of a version, such as served/vae/1.
        url: http://HOST:PORT for REST, or grpc://HOST:PORT for gRPC.
        timeout: seconds that a request may take.
        wait: seconds to wait for a server that is still starting.
    """
    with commandline.bad_input():
        versions.check(version)
    shown = without_user(url)
    try:
        wait = checks.in_range("wait", wait, 0)
        facts, requests = read(version)
        number = int(version.resolve().name) if version.resolve().name.isdecimal() else None
        with Client(url, facts["model"], version=number, timeout=timeout) as client:
            wait_for(client, wait)
            if described(client.signatures) != facts["signatures"]:
                commandline.fail(f"{shown} serves other signatures than {version}", DEPARTS)
            rows = [(name, *compare(client, name, sides)) for name, sides in requests.items()]
    except (ServingError, ValueError, ImportError) as error:
        commandline.fail(error)
    print(commandline.table([(name, "ok" if right else "DEPARTS", detail) for name, right, detail in rows]))
    departing = [name for name, right, _ in rows if not right]
    if departing:
        commandline.fail(f"{shown} answers {', '.join(departing)} otherwise than {version}", DEPARTS)
    print(f"{shown} answers as {version} says")


def read(version: Path) -> tuple[dict, dict]:
    """The facts of a version and its golden requests: one for each of its signatures, as the signature has it.

    Raises:
        ValueError: there are none, or they are of another model.
    """
    place = repr(str(version))
    try:
        facts = json.loads((version / contract.FILE).read_text(encoding="utf-8"))
        requests = golden.read(version / golden.NAME)
    except (OSError, ValueError, TypeError, KeyError, EOFError, RecursionError, NotImplementedError, *DAMAGED):
        raise ValueError(f"{place} is no version of a served model: it holds no golden requests") from None
    if broken := contract.violations(facts):
        raise ValueError(f"{contract.FILE} of {place} breaks the contract: {'; '.join(broken)}")
    if set(requests) != set(facts["signatures"]):
        found = ", ".join(sorted(requests)) or "nothing"
        raise ValueError(f"{golden.NAME} of {place} asks {found}, not {', '.join(sorted(facts['signatures']))}")
    for name, sides in requests.items():
        if described_arrays(sides) != facts["signatures"][name] or not _rows(sides):
            raise ValueError(f"{golden.NAME} of {place} asks {name} otherwise than {contract.FILE} has it")
    return facts, requests


def described(signatures: dict) -> dict:
    """The signatures of a client as a version's facts state them."""
    return {
        name: {
            side: {key: {"dtype": str(dtype), "shape": shape} for key, (dtype, shape) in specs.items()}
            for side, specs in sides.items()
        }
        for name, sides in signatures.items()
    }


def described_arrays(sides: dict) -> dict:
    """The signature of a golden request and its answer as a version's facts state it."""
    return {
        side: {key: {"dtype": str(each.dtype), "shape": [-1, *each.shape[1:]]} for key, each in arrays.items()}
        for side, arrays in sides.items()
    }


def _rows(sides: dict) -> int:
    """The rows of a golden request and its answer; 0 if they differ in them, or there is no array."""
    counts = {len(each) if each.ndim else 0 for arrays in sides.values() for each in arrays.values()}
    return counts.pop() if len(counts) == 1 else 0


def wait_for(client: Client, seconds: float) -> None:
    """Returns when the server names the model's signatures. Raises ServingError if it does not within `seconds`."""
    end = time.monotonic() + seconds
    while True:
        try:
            _ = client.signatures
        except ServingError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.5)
        else:
            return


def compare(client: Client, signature: str, sides: dict) -> tuple[bool, str]:
    """Whether a server gives the golden answer to a golden request, and in what it differs most."""
    start = time.perf_counter()
    answers = client.predict(signature, sides["inputs"])
    milliseconds = 1e3 * (time.perf_counter() - start)
    right = all(golden.agree(answers[name], expected) for name, expected in sides["outputs"].items())
    worst = max(golden.distance(answers[name], expected) for name, expected in sides["outputs"].items())
    return right, f"off by {worst:.1g} at most, {milliseconds:.1f} ms"


if __name__ == "__main__":
    main()
