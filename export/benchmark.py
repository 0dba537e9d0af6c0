"""`python -m export.benchmark DIR/NAME/1`: measures how a version loads and runs in the C++ session.

With `--url` it is a running server that is measured, by several clients at once (`export.load`).
"""

import json
import os
from pathlib import Path

from export import child, limits, verify, versions
from tfgen import checks, commandline

NAME = "python -m export.benchmark"
FILE = "benchmark.json"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(benchmark, arguments, NAME)


def benchmark(
    version: Path,
    /,
    *,
    seconds: float = 2.0,
    timeout: float = verify.TIMEOUT,
    url: str = "",
    clients: tuple[int, ...] = (),
) -> None:
    """Measures a version through TensorFlow's C++ session: load time, size, and latency and images/s per signature.

    Args:
        version: the directory of a version, such as served/vae/1. The numbers are written into benchmark.json beside
            it.
        seconds: how long each signature runs at each batch size.
        timeout: seconds that one request may take.
        url: http://HOST:PORT or grpc://HOST:PORT of a running server that serves this version. It is measured instead,
            with one row per request, and its answers are compared with the golden answers.
        clients: with --url: how many clients send requests at once; 1, 4 and 16 by default.
    """
    if url:
        loaded(version, url, clients, seconds, timeout)
        return
    if clients:
        commandline.fail(f"--clients needs --url, the running server; got {', '.join(map(str, clients))} without it")
    verify.check_options(version, timeout)
    with commandline.bad_input():
        checks.in_range("seconds", seconds, 0)
    found = {}
    try:
        for name, passed, detail in child.results("export.timing", timeout, str(version.resolve()), str(seconds)):
            if not passed:
                commandline.fail(f"{version} fails {name}: {detail}", commandline.FAILED)
            found[name] = detail
    except OSError as error:
        verify.no_room(error)
    size = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    weights = (version / limits.DATA).stat().st_size
    report = {
        "version": version.resolve().name,
        "load_s": round(found["load_s"], 3),
        "bytes": size,
        "variables_bytes": weights,
        "cores": os.cpu_count(),
        "signatures": found["requests"],
    }
    loads = f"loads in {found['load_s']:.2f} s, {size / 1e6:.1f} MB, {weights / 1e6:.1f} MB of it variables"
    print(f"{version}: {loads}\n")
    rows = [("signature", "batch", "p50 ms", "p99 ms", "images/s", "requests")]
    measured = report["signatures"]
    rows += [
        (name, batch, *numbers.values()) for name, batches in measured.items() for batch, numbers in batches.items()
    ]
    print(commandline.table(rows))
    if {"sample", "decode"} <= set(measured):
        print(draw_cost(measured["sample"], measured["decode"]))
    target = version.resolve().parent / FILE
    try:
        target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        commandline.fail(f"{str(target)!r} cannot be written: {error.strerror}")
    print(f"\nwritten to {target}")


def loaded(version: Path, url: str, clients, seconds: float, timeout: float) -> None:
    """Measures a running server. Ends the process, with 1, where it gives other answers than the golden ones."""
    from export import load, rest
    from export.client import ServingError

    with commandline.bad_input():
        versions.check(version)
        clients = clients or load.CLIENTS
        checks.positive_ints("clients", clients)
        checks.in_range("clients", max(clients), 1, 256)
        checks.in_range("seconds", seconds, 0.01, 3600)
    try:
        found = load.measure(version, url, clients, seconds, timeout)
    except (ServingError, ValueError, ImportError) as error:
        commandline.fail(error)
    rows = [("signature", "clients", "p50 ms", "p99 ms", "requests/s", "requests", "wrong")]
    print(commandline.table(rows + [tuple(each.values()) for each in found]))
    if wrong := sum(each["wrong"] for each in found):
        where = f"{rest.without_user(url)} gives {wrong} answers that are not those of {version}"
        commandline.fail(where, commandline.FAILED)


def draw_cost(sampled: dict, decoded: dict) -> str:
    """What drawing each row from its own seed costs: `sample` beside `decode` of the same batch."""
    lines = ["\nDrawing a code for each row from its own seed, sample beside decode:"]
    for batch, sample in sampled.items():
        extra = sample["p50_ms"] - decoded[batch]["p50_ms"]
        share = sample["images_per_s"] / decoded[batch]["images_per_s"]
        lines.append(f"  batch {batch:>3}  {extra:+.2f} ms, {share:.0%} of the images/s")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
