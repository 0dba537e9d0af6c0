"""Writes the API reference: HTML pages made from the docstrings by pdoc.

python docs/reference.py site/api
"""

import sys
from pathlib import Path

from pdoc import pdoc

import tfgen

PACKAGES = ("tfgen", "zoo", "export")


def main(folder: str) -> None:
    """Writes the pages into a folder."""
    vars(tfgen).update(
        {name: getattr(tfgen, name) for name in tfgen.__all__}
    )  # pdoc sees no name that is made on demand
    pdoc(*PACKAGES, output_directory=Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
