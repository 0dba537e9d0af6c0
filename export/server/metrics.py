"""Counts and times of requests, in the form of TensorFlow Serving's page for Prometheus.

The two that operators watch: `:tensorflow:serving:request_count` by model and status, and the histogram
`:tensorflow:serving:request_latency` in microseconds, of requests that succeeded.
"""

import bisect
import collections
import threading

PATH = "/monitoring/prometheus/metrics"
COUNT, LATENCY = ":tensorflow:serving:request_count", ":tensorflow:serving:request_latency"
LIMITS = [10 * 1.8**power for power in range(32)]  # microseconds; the last bucket has no end


class Metrics:
    """The counts of a server since it began. Safe for threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts: collections.Counter = collections.Counter()
        self._buckets: dict = {}
        self._sums: collections.Counter = collections.Counter()

    def add(self, model: str, call: str, status: str, seconds: float) -> None:
        """Counts a request; `status` is "OK" or the name of a refusal's code."""
        with self._lock:
            self._counts[model, status] += 1
            if status == "OK":
                where = self._buckets.setdefault((model, call), [0] * (len(LIMITS) + 1))
                where[bisect.bisect_right(LIMITS, 1e6 * seconds)] += 1
                self._sums[model, call] += 1e6 * seconds

    def page(self) -> str:
        """The text that Prometheus reads."""
        with self._lock:
            lines = [f"# TYPE {COUNT} counter"]
            lines += [
                f'{COUNT}{{model_name="{_quoted(model)}",status="{status}"}} {count}'
                for (model, status), count in sorted(self._counts.items())
            ]
            lines.append(f"# TYPE {LATENCY} histogram")
            for (model, call), buckets in sorted(self._buckets.items()):
                labels, total = f'model_name="{_quoted(model)}",API="{call}",entrypoint="REST"', 0
                for limit, count in zip([*(f"{limit:g}" for limit in LIMITS), "+Inf"], buckets, strict=True):
                    total += count
                    lines.append(f'{LATENCY}_bucket{{{labels},le="{limit}"}} {total}')
                lines.append(f"{LATENCY}_sum{{{labels}}} {self._sums[model, call]:.6g}")
                lines.append(f"{LATENCY}_count{{{labels}}} {total}")
        return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
