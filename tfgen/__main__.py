"""`tfgen VERB ...`, or `python -m tfgen VERB ...`: starts a command of the zoo or of the export by its name."""

from tfgen import verbs


def main(arguments: list[str] | None = None) -> None:
    """The command line: the name of a command, then what it takes."""
    verbs.start(arguments, "tfgen")


if __name__ == "__main__":
    main()
