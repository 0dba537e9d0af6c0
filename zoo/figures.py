"""`python -m zoo.figures ENTRY_OR_RUN`: redraws the figures of a trained model."""

import sys
from pathlib import Path

from zoo import commands

USAGE = "python -m zoo.figures"


def main(arguments: list[str] | None = None) -> None:
    """The command line: an entry or a run directory, then the options of `figures`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    model = commands.model_argument(arguments, USAGE, "Redraws the figures of a trained model.")
    run = Path(arguments[0]) if commands.names_run(arguments[0]) else None

    def figures(*, data_dir: Path | None = None, out: Path | None = None) -> None:
        """Redraws the figures of a trained model on the test images of its data set.

        Args:
            data_dir: a TFDS directory that holds the data set prepared; TFDS_DATA_DIR by default.
            out: the directory to write to; a run's own `figures` by default, needed for an entry.
        """
        from tfgen import data, loading, runs

        with commands.bad_input():
            if run is None and out is None:
                raise ValueError(f"{arguments[0]} is an entry, not a run: say where to with --out DIR")
            directory = commands.writable_directory(out or run / runs.FIGURES)
            dataset = data.load(runs.read_config(run)["dataset"] if run else data.DEFAULT, data_dir)
        for path in commands.draw(loading.entry_module(model.entry), model, dataset, directory, run):
            print(path)

    commands.run(figures, arguments[1:], f"{USAGE} {arguments[0]}")


if __name__ == "__main__":
    main()
