"""The words of README, CHANGELOG and docs, read by proselint: python docs/prose.py

Prints a line for each finding, and ends with 1 if there is one. Code, headings, HTML and addresses are no prose.
"""

import re
import sys
from pathlib import Path

from proselint.checks import __register__
from proselint.config import DEFAULT, Config
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

CheckRegistry().register_many(__register__)
ROOT = Path(__file__).parents[1]
OFF = {
    "typography.symbols.multiplication": "28 x 28 is written as it is typed",
    "typography.symbols.curly_quotes": "quotes are those of the terminal",
    "typography.symbols.ellipsis": "... stands for output that is left out",
    "typography.symbols.copyright": "m(c) is a function of c",
    "typography.diacritical_marks": "resume is the verb",
}
FILLING = "bcdfghjklmnpqrstvwxz"  # no word is made of these
NO_PROSE = re.compile(
    r"^#+ .*?$"  # headings, whose words the first sentence may repeat
    r"|^(?P<fence>```|~~~).*?^(?P=fence)"  # fenced code
    r"|^(?: {4}|\t)(?![-*] ).*?$"  # indented code
    r"|(?P<name>`[^`]+`)"  # code in a line, which stands for a word
    r"|<[^>]+>"
    r"|(?<=\])\([^)]+\)",  # where a link leads
    re.DOTALL | re.MULTILINE,
)


def pages() -> list[Path]:
    """README, CHANGELOG and every page of docs."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def prose(text: str) -> str:
    """A page of Markdown with blanks in place of what is no prose, and a made-up word for code within a line."""

    def filled(found) -> str:
        if not found["name"]:
            return re.sub(r"[^\n]", " ", found[0])
        letters = enumerate(found[0], found.start())
        return "".join("\n" if each == "\n" else FILLING[place % len(FILLING)] for place, each in letters)

    return NO_PROSE.sub(filled, text)


def findings(text: str, name: str = "") -> list[str]:
    """What proselint finds in a page of Markdown: "NAME:LINE: CHECK: MESSAGE"."""
    config = Config(max_errors=1000, checks=dict.fromkeys(OFF, False) | DEFAULT["checks"])
    found = LintFile(name, prose(text)).lint(config)
    return [f"{name}:{each.pos[0]}: {each.check_result.check_path}: {each.check_result.message}" for each in found]


if __name__ == "__main__":
    lines = [line for page in pages() for line in findings(page.read_text(), str(page.relative_to(ROOT)))]
    print(*lines, sep="\n")
    sys.exit(bool(lines))
