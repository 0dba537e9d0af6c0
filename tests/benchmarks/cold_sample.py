"""From a cold process to an image: the time of `import tfgen; tfgen.load(...).sample()`, and of the next samples.

python tests/benchmarks/cold_sample.py [ENTRY_OR_RUN] [--processes N]

It prints wall-clock seconds, and beside them the processor's, which other work on the machine stretches less.
"""

import argparse
import json
import statistics
import subprocess
import sys

CODE = """
import json, sys, time
began = time.perf_counter(), time.process_time()
import tensorflow, tensorflow_probability
libraries = time.perf_counter()
import tfgen
imported = time.perf_counter()
model = tfgen.load(sys.argv[1])
loaded = time.perf_counter()
label = {"label": 5} if model.conditional else {}
model.sample(**label).numpy()
drawn = time.perf_counter(), time.process_time()
again = []
for _ in range(50):
    start = time.perf_counter()
    model.sample(**label).numpy()
    again.append(time.perf_counter() - start)
print(json.dumps({
    "import of TensorFlow": libraries - began[0], "import of tfgen": imported - libraries, "load": loaded - imported,
    "first sample": drawn[0] - loaded, "in all": drawn[0] - began[0], "processor": drawn[1] - began[1],
    "second sample": again[0], "median sample": sorted(again)[25],
}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="cvae", help="an entry whose weights ship, or a run directory")
    parser.add_argument("--processes", type=int, default=5, help="cold processes; the first may find no file in memory")
    options = parser.parse_args()
    if options.processes < 1:
        parser.error(f"processes must be positive, got {options.processes}")
    seconds: dict[str, list[float]] = {}
    for _ in range(options.processes):
        done = subprocess.run([sys.executable, "-c", CODE, options.model], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        for name, value in json.loads(done.stdout.splitlines()[-1]).items():
            seconds.setdefault(name, []).append(value)
    print(f"{options.model}, {options.processes} processes: median (fastest to slowest)")
    for name, values in seconds.items():
        unit, scale = ("ms", 1e3) if name.endswith("sample") else ("s", 1)
        middle, least, most = (scale * value for value in (statistics.median(values), min(values), max(values)))
        print(f"  {name:20} {middle:8.2f} {unit:2}  ({least:.2f} to {most:.2f})")


if __name__ == "__main__":
    main()
