"""What the commands of this package share: options read from signatures, and bad input that ends in one line."""

import sys

import cyclopts

BAD_INPUT, INTERRUPTED = 2, 130


def fail(message, code: int = BAD_INPUT):
    """Ends the process with one line on stderr."""
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    raise SystemExit(code)


def run(function, arguments: list[str] | None, name: str):
    """Calls `function` with arguments parsed by its signature and docstring (cyclopts); `None` means `sys.argv`."""
    app = cyclopts.App(function.__name__, usage=f"Usage: {name} [OPTIONS]", version_flags=[], help_format="markdown")
    app.default(function)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as error:
        fail(f"{str(error).rstrip('.')}; {name.partition(' [')[0]} --help lists the options")
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)


def table(rows: list[tuple]) -> str:
    """Rows of words as aligned columns, two spaces apart."""
    words = [[str(word) for word in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*words, strict=True)]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in words)
    return "\n".join(f"  {line}".rstrip() for line in lines)
