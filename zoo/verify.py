"""`python -m zoo.verify [ENTRY ...]`: recomputes the numbers of the shipped weights and fails on the rows that differ.

A number may differ by one in the last of the decimals that are shown of it. Seeds are fixed, and two things move it:
storage in half precision, which `zoo.ship` holds below half of that, and the rounding of other processors and versions.
"""

import dataclasses
from pathlib import Path

from tfgen import commandline
from zoo import ENTRIES, evaluate, report

USAGE = "python -m zoo.verify"
DIFFERENT = 1
DECIMALS = {  # that are shown of a number, by name; two of the others, in nats most of them
    "active_units": 0,
    "kid": 3,
    "kid_error": 3,
    "parzen": 0,
    "parzen_error": 1,
    "parzen_fine": 0,
    "parzen_fine_error": 1,
    "recognised_as_asked": 3,
    "test_bits_per_dim": 3,
    "test_nll_bits_per_dim": 3,
    "test_nll_k": 0,
}
NAMES, WIDTH = 17, 25  # characters, of vae-fashion_mnist and floor_recognised_as_asked
QUICK = {"images": 500, "k": 100}


@dataclasses.dataclass(frozen=True)
class Row:
    """A number of an entry as the manifest has it and as it was recomputed."""

    entry: str  # the name of its weights, vae or vae-fashion_mnist
    name: str
    recorded: float
    recomputed: float

    @property
    def difference(self) -> float:
        """Between the two; NaN where a number is not recorded."""
        return abs(self.recomputed - self.recorded)

    @property
    def tolerance(self) -> float:
        """The difference that is allowed: one in the last decimal shown."""
        return 10.0 ** -DECIMALS.get(self.name.removeprefix(report.FLOOR), 2)

    @property
    def agrees(self) -> bool:
        """Whether the two are the same within the tolerance."""
        return self.difference <= self.tolerance

    def __str__(self) -> str:
        """The row of the table."""
        verdict = "ok" if self.agrees else "DIFFERS"
        numbers = f"{self.recorded:10.4f} {self.recomputed:10.4f} {self.tolerance:6g}"
        return f"{self.entry:{NAMES}} {self.name:{WIDTH}} {numbers}  {verdict}"


def main(arguments: list[str] | None = None) -> None:
    """The command line: entries, all that ship by default, then the options of `verify`."""
    commandline.run(verify, arguments, USAGE)


def verify(*entry: str, quick: bool = False, data_dir: Path | None = None) -> None:
    """Recomputes the numbers of the shipped weights; the exit code is 1 if one differs from the manifest.

    Args:
        entry: entries to verify, or names of weights such as vae-fashion_mnist; by default all shipped weights.
        quick: checks the first 500 test images and as many samples, with K = 100; about a minute per entry.
        data_dir: a TFDS directory that holds the prepared data set; TFDS_DATA_DIR by default.
    """
    import tfgen
    from tfgen import data
    from tfgen.storage import loading

    with commandline.bad_input():
        records = {name: loading.shipped(name) for name in entry or dict.fromkeys([*ENTRIES, *loading.shipped_names()])}
        missing = [name for name, record in records.items() if not record]
        if missing and entry:
            ships = ", ".join(loading.shipped_names())
            raise ValueError(f"no weights ship for {', '.join(missing)}; there are those of {ships}")
        datasets = {record["dataset"]: None for record in records.values() if record}
        datasets = {name: data.load(name, data_dir) for name in datasets}
        networks = {name: evaluate.recogniser(dataset) for name, dataset in datasets.items()}
    print(f"{'weights':{NAMES}} {'number':{WIDTH}} {'manifest':>10} {'recomputed':>10} {'within':>6}")
    wrong = []
    for name, record in records.items():
        if not record:
            print(f"{name:{NAMES}} no weights ship yet")
            continue
        try:
            model = tfgen.load(name)
        except ValueError as error:
            print(f"{name:{NAMES}} REFUSED")
            wrong.append(f"{name}: {error}")
            continue
        recorded, options = (record["quick"], QUICK) if quick else (record["metrics"], conditions(record["metrics"]))
        with evaluate.progress_bars() as track:
            dataset = record["dataset"]
            recomputed = evaluate.evaluate(model, datasets[dataset], networks[dataset], **options, track=track)
        for row in compare(name, recorded, recomputed):
            print(row, flush=True)
            if not row.agrees:
                wrong.append(f"{name}: {row.name} is {row.recomputed:.4f}, the manifest has {row.recorded:.4f}")
    if wrong:
        commandline.fail("; ".join(wrong), DIFFERENT)


def conditions(metrics: dict) -> dict:
    """The options of `zoo.evaluate.evaluate` under which a manifest's numbers were measured."""
    return {"k": metrics.get("test_nll_k", 1), "seed": metrics["evaluation"]["seed"]}


def compare(entry: str, recorded: dict, recomputed: dict) -> list[Row]:
    """A row for every number, of the floor for those on record; of a list of numbers the one that differs most."""
    import numpy as np

    rows = []
    floor = [report.FLOOR + name for name in report.MEANINGS if report.FLOOR + name in recorded]
    for name in [name for name in report.MEANINGS if name in recorded or name in recomputed] + floor:
        before, now = (np.ravel(numbers.get(name, np.nan)) for numbers in (recorded, recomputed))
        if len(before) != len(now):
            before, now = np.full(1, np.nan), now[:1]
        pairs = (Row(entry, name, *map(float, pair)) for pair in zip(before, now, strict=True))
        rows.append(max(pairs, key=lambda row: np.nan_to_num(row.difference, nan=np.inf)))
    return rows


if __name__ == "__main__":
    main()
