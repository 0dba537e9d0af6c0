"""`python -m export.replay DIR/NAME/1 --url URL`: sends a version's golden requests to a running server."""

import time
from pathlib import Path

from export import contract, golden, versions
from export.client import Client, ServingError
from export.rest import without_user
from tfgen import checks, commandline

NAME = "python -m export.replay"
DEPARTS = commandline.FAILED


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
    """The facts of a version and its golden requests, one for each of its signatures.

    Raises:
        ValueError: there are none, or they are damaged or of another model.
    """
    try:
        return contract.read(version), golden.read(version)
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(version)!r} is not a version of a served model: {error}") from None


def described(signatures: dict) -> dict:
    """The signatures of a client as a version's facts state them."""
    return {
        name: {
            side: {key: {"dtype": str(dtype), "shape": shape} for key, (dtype, shape) in specs.items()}
            for side, specs in sides.items()
        }
        for name, sides in signatures.items()
    }


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
