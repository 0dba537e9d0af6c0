"""The commands by name: modules of the packages that hold them, found, described and started by their names."""

import contextlib
import importlib
import importlib.metadata
import os
import sys

from tfgen import commandline, source, spelling

PACKAGES = ("zoo", "export")  # a command is a module of theirs that defines `main` and says how it is called
CALLS = ("USAGE", "NAME")  # what a module calls that


def start(arguments: list[str] | None, called: str, packages=PACKAGES) -> None:
    """`tfgen VERB ...`: starts the command of that name, or lists those that there are.

    A user's modules where it is started are found as with `python -m`, but behind those that are installed.
    """
    arguments, verbs = commandline.begin(arguments), found(packages)
    if not arguments or arguments[0] in ("-h", "--help"):
        meanings = commandline.listed({verb: sentence(module) for verb, module in verbs.items()})
        print(f"Usage: {called} VERB [OPTIONS]\n\n{meanings}\n\n{called} VERB --help lists the options of one.")
    elif arguments[0] == "--version":
        print(f"tfgen {importlib.metadata.version('tfgen')}")
    elif arguments[0] not in verbs:
        meant = spelling.meant(arguments[0], verbs)
        commandline.fail(f"unknown command {arguments[0]!r}; there are {', '.join(verbs)}{meant}")
    else:
        with contextlib.suppress(OSError):  # a directory that is gone
            sys.path.append(os.getcwd())
        importlib.import_module(verbs[arguments[0]]).main(arguments[1:])


def found(packages=PACKAGES) -> dict[str, str]:
    """The commands of some packages: verb -> module, such as train -> zoo.train, export.verify -> export.verify."""
    verbs = {}
    for package in packages:
        for path in sorted(source.locate(package).parent.glob("*.py")):
            module = f"{package}.{path.stem}"
            said = source.read(module)
            if said.defines("main") and any(map(said.defines, CALLS)):
                verb = package if path.stem == "__main__" else module
                verbs[verb.removeprefix(f"{PACKAGES[0]}.")] = module
    return verbs


def sentence(module: str) -> str:
    """What a command does, from the docstring of its module: what follows the command in it, and a colon."""
    first = source.read(module).docstring().partition("\n\n")[0]
    return " ".join(first.partition("`: ")[2].split()).partition(". ")[0].rstrip(".")
