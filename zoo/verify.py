"""`python -m zoo.verify [ENTRY ...]`: recomputes the numbers of the shipped weights and fails on the rows that differ.

Seeds are fixed, so two things may move a number: storage in half precision, which `zoo.ship` holds below half of the
last digit shown, and the rounding of other processors and versions. `TOLERANCE` leaves room for both.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np

from zoo import ENTRIES, commands

USAGE = "python -m zoo.verify"
DIFFERENT = 1
TOLERANCE = {"quick_brightness": 1e-4}  # by name; of the others, which are in nats:
TOLERANCE_NATS = 0.01
QUICK_IMAGES, QUICK_SAMPLES = 1000, 100


@dataclasses.dataclass(frozen=True)
class Row:
    """A number of an entry as the manifest has it and as it was recomputed."""

    entry: str
    name: str
    recorded: float
    recomputed: float

    @property
    def tolerance(self) -> float:
        """By how much the two may differ."""
        return TOLERANCE.get(self.name, TOLERANCE_NATS)

    @property
    def agrees(self) -> bool:
        """Whether the two are the same within the tolerance; a number that is not recorded never is."""
        return abs(self.recomputed - self.recorded) <= self.tolerance

    def __str__(self) -> str:
        """The row of the table."""
        verdict = "ok" if self.agrees else "DIFFERS"
        numbers = f"{self.recorded:12.4f} {self.recomputed:12.4f} {self.tolerance:10g}"
        return f"{self.entry:10} {self.name:18} {numbers}  {verdict}"


def main(arguments: list[str] | None = None) -> None:
    """The command line: entries, all that ship by default, then the options of `verify`."""
    commands.run(verify, sys.argv[1:] if arguments is None else arguments, f"{USAGE} [ENTRY ...]")


def verify(*entry: str, quick: bool = False, data_dir: Path | None = None) -> None:
    """Recomputes the numbers of the shipped weights and compares them with the manifest's; exit code 1 if one differs.

    Args:
        entry: entries to verify; all whose weights ship by default.
        quick: recomputes a few numbers of a thousand test images and a hundred samples, in seconds an entry.
        data_dir: a TFDS directory that holds the data set prepared; TFDS_DATA_DIR by default.
    """
    import tfgen
    from tfgen import data, loading

    with commands.bad_input():
        records = {name: loading.shipped(name) for name in entry or ENTRIES}
        missing = [name for name, record in records.items() if not record]
        if missing and (entry or len(missing) == len(records)):
            raise ValueError(f"no weights ship for {', '.join(missing)}")
        datasets = {record["dataset"]: None for record in records.values() if record}
        datasets = {name: data.load(name, data_dir) for name in datasets}
    print(f"{'entry':10} {'number':18} {'manifest':>12} {'recomputed':>12} {'may differ':>10}")
    wrong = []
    for name, record in records.items():
        if not record:
            print(f"{name:10} no weights ship yet")
            continue
        try:
            model = tfgen.load(name)
        except ValueError as error:
            print(f"{name:10} REFUSED")
            wrong.append(f"{name}: {error}")
            continue
        recorded, recompute = (record["quick"], quick_report) if quick else (record["metrics"], report)
        for number, value in recompute(model, datasets[record["dataset"]]).items():
            row = Row(name, number, recorded.get(number, float("nan")), value)
            print(row, flush=True)
            if not row.agrees:
                wrong.append(f"{name}: {number} is {value:.4f}, the manifest has {row.recorded:.4f}")
    if wrong:
        commands.fail("; ".join(wrong), DIFFERENT)


def report(model, dataset) -> dict[str, float]:
    """The numbers of a model under the protocol, by the names that `metrics.json` gives them."""
    from tfgen import evaluation

    return evaluation.report(model, dataset)


def quick_report(model, dataset) -> dict[str, float]:
    """A few numbers that take seconds: the terms of the first test images, and how bright samples are on average."""
    from tfgen import evaluation

    first = dataclasses.replace(
        dataset.test, images=dataset.test.images[:QUICK_IMAGES], labels=dataset.test.labels[:QUICK_IMAGES]
    )
    terms = evaluation.means(model, evaluation.held_out(model, first), first.labels)
    numbers = {f"quick_{name}": value for name, value in terms.items()}
    numbers["quick_brightness"] = float(np.mean(samples(model, QUICK_SAMPLES)))
    return {name: round(value, 5) for name, value in numbers.items()}


def samples(model, count: int) -> np.ndarray:
    """Samples of seed 0, [count, 28, 28, 1] in [0, 1]; of a conditional model the ten digits in turn."""
    given = {"digit": np.arange(count) % 10} if model.conditional else {}
    return model.sample(count, seed=0, **given).numpy()


if __name__ == "__main__":
    main()
