"""`python -m zoo.ship RUN`: puts the weights of a finished run into the package, with all that is known about them."""

import shutil
import tempfile
from pathlib import Path

from tfgen import commandline
from zoo import ENTRIES, commands, evaluate, report, verify

USAGE = "python -m zoo.ship"
LIMIT = 30_000_000  # bytes that all shipped weights may take together
PRECISIONS = ("bfloat16", "float16", "float32")  # the first that changes no number by half of its last digit is taken
K = 10  # importance samples by which the change of the likelihood is measured


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `ship`."""
    commandline.run(ship, arguments, USAGE)


def ship(
    run: Path, /, *, to: Path | None = None, data_dir: Path | None = None, register: commandline.Modules = ()
) -> None:
    """Stores a run's weights compactly and records them in the manifest: SHA-256, settings, versions and numbers.

    Weights are stored in the coarsest of three precisions that changes every number by less than half of its last shown
    digit: bfloat16, float16, float32. The recorded numbers are those of the run.

    Args:
        run: the run directory; the run must have been evaluated.
        to: the folder of weights; the package's own zoo/weights by default.
        data_dir: a TFDS directory that holds the prepared data set of the run; TFDS_DATA_DIR by default.
        register: a module of another package that defines the model, such as my_pkg.gmvae.
    """
    from tfgen.data import names
    from tfgen.storage import loading, manifest, runs

    with commandline.bad_input():
        if str(run) in ENTRIES or loading.is_shipped(str(run)):
            raise ValueError(f"{str(run)!r} is an entry; what can be shipped is a run directory")
        commands.check_model(run, register)
        config, metrics = runs.read_config(run), runs.read_metrics(run)
        if "evaluation" not in metrics:
            raise ValueError(f"{str(run)!r} is not evaluated: python -m zoo.evaluate {run}")
        model = loading.load(run)
        dataset = commands.dataset_of(run, data_dir)
        if to is None and not names.is_published(config["dataset"]):
            raise ValueError(
                f"weights ship for published data sets, not for {config['dataset']!r}; --to DIR takes them"
            )
        name = loading.shipped_name(model.entry, config["dataset"])
        target = commandline.writable_directory(to or loading.shipped_folder()) / f"{name}{loading.SUFFIX}"
        others = [record["bytes"] for name, record in manifest.read(target.parent).items() if name != target.name]
    with tempfile.TemporaryDirectory() as scratch:
        packed, facts = _smallest(model, dataset, run, metrics, Path(scratch))
        packed_size = packed.stat().st_size
        total = sum(others) + packed_size
        if total > LIMIT:
            commandline.fail(f"with these weights all would take {total / 1e6:.1f} MB, more than {LIMIT / 1e6:.0f} MB")
        facts |= {"command": training_command(config), **config, "metrics": metrics}
        with manifest.replacing(target, **facts) as temporary:
            shutil.copyfile(packed, temporary)
    print(f"{target}: {packed_size / 1e6:.2f} MB, all shipped weights {total / 1e6:.2f} of {LIMIT / 1e6:.0f}")


def _smallest(model, dataset, run: Path, metrics: dict, folder: Path) -> tuple[Path, dict]:
    """The smallest file of a run's weights that keeps its numbers, and {"precision", "quick"} of it.

    Ends the process if the run's metrics are not those of its weights.
    """
    from tfgen.storage import manifest, runs, weights

    with commandline.bad_input():
        network = evaluate.recogniser(dataset)

    def measured(**options):
        with evaluate.progress_bars() as track:
            return evaluate.evaluate(model, dataset, network, **options, track=track)

    cheaply = verify.conditions(metrics) | {"k": K}
    before = measured(**cheaply)
    stale = [row.name for row in verify.compare(model.entry, metrics, before) if not row.agrees]
    stale = [name for name in stale if not name.startswith("test_nll")]  # which depends on K
    if stale:
        commandline.fail(f"the weights of {run} have other numbers than its metrics.json ({', '.join(stale)})")
    for precision in PRECISIONS:
        packed = folder / f"{precision}.weights.h5"
        pack(run / runs.WEIGHTS, packed, precision)
        manifest.record(packed)
        weights.load(model, packed)
        rows = verify.compare(model.entry, before, measured(**cheaply))
        words = ", ".join(f"{row.name} by {row.difference:.2g}" for row in rows if row.difference)
        print(f"{precision}: {packed.stat().st_size / 1e6:.2f} MB changes {words or 'nothing'}", flush=True)
        if all(row.difference < row.tolerance / 2 for row in rows):
            break
    quick = {name: value for name, value in measured(**verify.QUICK).items() if name in report.MEANINGS}
    return packed, {"precision": precision, "quick": quick}


def pack(source: Path, target: Path, precision: str) -> None:
    """Writes a weights file again, in the same layout, its numbers in `precision` and compressed.

    HDF5 has no bfloat16: such numbers are written as float16, whose last bits are then zero and take no room.
    """
    import h5py
    import numpy as np
    import tensorflow as tf

    rounded = tf.as_dtype(precision).as_numpy_dtype
    stored = np.float16 if precision == "bfloat16" else rounded

    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name, item):
            if isinstance(item, h5py.Group):
                new.require_group(name)
                return
            values = item[()]
            if values.dtype == np.float32:
                values = values.astype(rounded).astype(stored)
            smaller = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if values.ndim else {}
            new.create_dataset(name, data=values, **smaller)

        old.visititems(copy)
        for name in ["/", *_names(old)]:
            for key, value in old[name].attrs.items():
                new[name].attrs[key] = value


def training_command(config: dict) -> str:
    """The shortest command line that trains with a run's settings."""
    from tfgen import data
    from tfgen.storage import entries
    from zoo import settings

    recipe, count = settings.complete(config["recipe"]), config["splits"]["train"]["images"]
    usual = settings.of_recipe(config["entry"], {}, {})["recipe"]
    usual["batch_size"] = settings.fit_to_data(usual, config["entry"], count)["batch_size"]
    decided = settings.fit_to_data(usual | {"batch_size": recipe["batch_size"]}, config["entry"], count)
    if decided["passes"] == recipe["passes"]:
        usual["epochs"] = decided["epochs"]
    usual |= {"dataset": data.DEFAULT, "seed": 0} | entries.defaults(config["entry"])
    chosen = recipe | {"dataset": config["dataset"], "seed": config["seed"]} | config["hyperparameters"]
    words = ["python -m zoo.train", config["entry"]]
    for name, value in chosen.items():
        if name in (*commands.FROM_DATA, *settings.DERIVED):
            continue
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        default = usual[name]
        if values != (list(default) if isinstance(default, tuple) else [default]):
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return " ".join(words)


def _names(file) -> list[str]:
    names = []
    file.visit(names.append)
    return names


if __name__ == "__main__":
    main()
