"""What `python -m export.serve` costs: python tests/benchmarks/serve_speed.py served vae

Starts it on a folder with that model alone, takes the time to its first answer, the latency of `sample` of one row
over one connection, and the answers of 1,600 requests of 16 clients, compared with Python's; beside it the C++
session alone.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

REQUESTS, CLIENTS, LATENCIES = 1600, 16, 500


def used(process) -> float:
    """Seconds of processor time that a process has used, on all cores."""
    times = process.cpu_times()
    return times.user + times.system


def post(connection, name: str, seed: int) -> np.ndarray:
    body = json.dumps({"signature_name": "sample", "instances": [{"seed": seed}]})
    connection.request("POST", f"/v1/models/{name}:predict", body)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return np.float32(json.loads(content)["predictions"][0])


def alone(version: Path) -> float:
    """The median of the C++ session in milliseconds, in a process of its own."""
    code = (
        "import sys, time, numpy as np\n"
        "from pathlib import Path\n"
        "from export.session import Session, as_the_server\n"
        "as_the_server()\n"
        "session, times = Session(Path(sys.argv[1])), []\n"
        f"for seed in range({LATENCIES}):\n"
        "    start = time.perf_counter()\n"
        "    session.run('sample', {'seed': np.array([seed])})\n"
        "    times.append(time.perf_counter() - start)\n"
        "print(1e3 * np.median(times))\n"
    )
    return float(
        subprocess.run([sys.executable, "-c", code, version], capture_output=True, text=True, check=True).stdout
    )


def main() -> None:
    served, name = Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).symlink_to(served / name)
        began = time.perf_counter()
        words = [sys.executable, "-m", "export.serve", folder, "--port", "0"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
            line = next(line for line in process.stdout if line.startswith("http://"))
            host = urlsplit(line.split()[0]).netloc
            connection = http.client.HTTPConnection(host)
            post(connection, name, 0)
            seconds = time.perf_counter() - began
            server = psutil.Process(process.pid)
            print(f"first answer after {seconds:.2f} s, of which the server computed {used(server):.2f} s")
            times, before = [], used(server)
            for seed in range(LATENCIES):
                start = time.perf_counter()
                post(connection, name, seed)
                times.append(time.perf_counter() - start)
            median, slow = 1e3 * np.percentile(times, [50, 99])
            computed = 1e3 * (used(server) - before) / LATENCIES
            print(
                f"sample of one row: p50 {median:.2f} ms, p99 {slow:.2f} ms; the server computed {computed:.2f} ms each"
            )
            images = np.zeros((REQUESTS, *post(connection, name, 0).shape), np.float32)

            def ask(first: int) -> None:
                own = http.client.HTTPConnection(host)
                for seed in range(first, REQUESTS, CLIENTS):
                    images[seed] = post(own, name, seed)

            threads = [threading.Thread(target=ask, args=(first,)) for first in range(CLIENTS)]
            start = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.perf_counter() - start
            process.terminate()
        print(f"C++ session alone: p50 {alone(served / name / '1'):.2f} ms")
    import tfgen

    off = np.abs(images - tfgen.load(name).sample(seed=np.arange(REQUESTS), n=REQUESTS)).max()
    print(f"{REQUESTS:,} requests of {CLIENTS} clients: {REQUESTS / seconds:,.0f} a second, off by {off:.1g} at most")


if __name__ == "__main__":
    main()
