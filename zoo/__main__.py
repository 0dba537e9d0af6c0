"""`python -m zoo`: lists the commands of the zoo."""

from tfgen import verbs


def main(arguments: list[str] | None = None) -> None:
    """The command line: the name of a command, then what it takes."""
    verbs.start(arguments, "python -m zoo", ("zoo",))


if __name__ == "__main__":
    main()
