"""`python -m zoo.figures ENTRY_OR_RUN`: redraws the figures of a trained model."""

import sys
from pathlib import Path

from tfgen import commandline
from zoo import commands

USAGE = "python -m zoo.figures"


def main(arguments: list[str] | None = None) -> None:
    """The command line: an entry or a run directory, then the options of `figures`."""
    arguments = commands.without_registered(sys.argv[1:] if arguments is None else arguments)
    model = commands.model_argument(arguments, USAGE, "Redraws the figures of a trained model.")
    run = commands.run_of(arguments[0])

    def figures(*, data_dir: Path | None = None, out: Path | None = None) -> None:
        """Redraws the figures of a trained model on the test images of its data set.

        Args:
            data_dir: a TFDS directory that holds the data set prepared; TFDS_DATA_DIR by default.
            out: the directory to write to; a run's own `figures` by default, needed for an entry.
        """
        from tfgen.storage import runs

        with commandline.bad_input():
            if run is None and out is None:
                raise ValueError(f"{arguments[0]} is an entry, not a run: say where to with --out DIR")
            directory = commandline.writable_directory(out or run / runs.FIGURES)
            dataset = commands.dataset_of(run, data_dir)
        for path in commands.draw(model, dataset, directory, run):
            print(path)

    commandline.run(figures, arguments[1:], f"{USAGE} {arguments[0]}")


if __name__ == "__main__":
    main()
