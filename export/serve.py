"""`python -m export.serve DIR`: answers TensorFlow Serving's REST requests on this machine, for development.

Every model of DIR is served, each at its newest version that passes the inspection of `export.verify`, on Linux by the
C++ session that TensorFlow Serving runs. What it answers is what the real server answers; how fast, how long and to how
many it does is not. For anything but development there is TensorFlow Serving: DIR/docker-compose.yml.
"""

import errno
import threading
import time
from pathlib import Path

from tfgen import checks, commandline

NAME = "python -m export.serve"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(serve, arguments, NAME)


def serve(
    folder: Path,
    /,
    *,
    port: int = 8501,
    host: str = "127.0.0.1",
    timeout: float = 30.0,
    largest: int = 64,
    connections: int = 128,
    poll: float = 1.0,
    cors: bool = False,
    runtime: str = "",
) -> None:
    """Serves the models of a folder over TensorFlow Serving's REST interface, for development, until Ctrl-C.

    Args:
        folder: the folder of served models, such as served, which holds served/vae/1.
        port: the server's port; 0 takes a free one.
        host: the address to listen on. With 0.0.0.0 other machines can send requests too, without a password.
        timeout: seconds that one request may take.
        largest: the largest request body, in megabytes.
        connections: how many connections may be open at once.
        poll: seconds between two checks for new versions.
        cors: lets web pages of other hosts read the answers, like --rest_api_enable_cors_support of TensorFlow Serving.
        runtime: session is TensorFlow's C++ session, python its Python; by default the session if it is available.
    """
    began = time.perf_counter()
    with commandline.bad_input():
        check(folder)
        checks.in_range("port", port, 0, 65535)
        checks.in_range("timeout", timeout, 0.001, 86_400)
        checks.in_range("largest", largest, 1, 4096)
        checks.in_range("connections", connections, 1, 10_000)
        checks.in_range("poll", poll, 0.05, 86_400)
        if runtime not in ("", "session", "python"):
            raise ValueError(f"runtime must be session or python, got {runtime!r}")

    from export.server import http, watcher
    from export.server import runtime as runtimes
    from export.server.api import Api
    from export.server.catalogue import Catalogue

    with commandline.bad_input():
        kind = runtimes.chosen(runtime)
    catalogue = Catalogue()
    options = {"seconds": timeout, "largest": largest * 10**6, "connections": connections, "cors": cors}
    try:
        server = http.Server((host, port), Api(catalogue, timeout), **options)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "; choose another with --port" if getattr(error, "errno", None) == errno.EADDRINUSE else ""
        commandline.fail(f"cannot listen on port {port} of {host}: {reason}{hint}")
    print(f"for development; opens models by {runtimes.WORDS[kind]}", flush=True)
    watching = watcher.Watcher(folder, catalogue, kind, lambda line: print(line, flush=True))
    try:
        runtimes.prepare(kind)
        watching.look()
        if not any(map(catalogue.versions, catalogue.models())):
            commandline.fail(f"{folder} holds no version that can be served", commandline.FAILED)
        server.server_activate()
        address = shown(*server.server_address[:2])
        print(f"http://{address}/v1/models/NAME, after {time.perf_counter() - began:.1f} s", flush=True)
        threading.Thread(target=watching.run, args=(poll,), daemon=True).start()
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nstopped")
    finally:
        watching.stop()
        server.server_close()


def check(folder: Path) -> None:
    """Raises ValueError unless a path is a folder of served models."""
    from export import versions
    from export.server import watcher

    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a folder of served models: there is no such folder")
    versions.check_served(folder)
    if watcher.models(folder):
        return
    above = folder.resolve().parent
    if versions.taken(folder):
        raise ValueError(f"{str(folder)!r} holds the versions of one model; name the folder above it, {str(above)!r}")
    if versions.is_version(folder):
        raise ValueError(f"{str(folder)!r} is one version; name the folder of all models, {str(above.parent)!r}")
    raise ValueError(f"{str(folder)!r} holds no served model: python -m export vae --to {folder}")


def shown(host: str, port: int) -> str:
    """HOST:PORT as a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    main()
