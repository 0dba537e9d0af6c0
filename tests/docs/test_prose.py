"""The words of README, CHANGELOG and docs: proselint finds nothing in them, and would find it."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def linter():
    """The script docs/prose.py as a module."""
    spec = importlib.util.spec_from_file_location("prose", ROOT / "docs" / "prose.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_have_no_findings(linter):
    pages = linter.pages()
    assert {"README.md", "CHANGELOG.md", "data.md", "vae.md", "anomaly.md", "coin.md"} <= {path.name for path in pages}
    assert [line for page in pages for line in linter.findings(page.read_text(), page.name)] == []


@pytest.mark.parametrize(
    ("line", "check"),
    [
        ("The weights of the the model are kept.", "lexical_illusions"),
        ("A very unique model.", "uncomparables"),
        ("Notes are kept for ever, thusly.", "archaism"),
    ],
)
def test_what_is_wrong_is_found_in_its_line(linter, line, check):
    found = linter.findings(f"# Title\n\nFirst.\n\n{line}\n", "page.md")
    assert any(each.startswith(f"page.md:5: {check}") for each in found), found


@pytest.mark.parametrize(
    "code",
    [
        "`the the`",
        "`the\nthe`",
        "    the the\n",
        "```\nthe the\n```\n",
        "[a page](the/the the.md)",
        '<img alt="the the">',
    ],
)
def test_code_and_addresses_are_no_prose(linter, code):
    assert linter.findings(f"# The page\n\nThe page shows\n\n{code}\n\nand a picture.\n", "page.md") == []


def test_checks_that_are_off_are_there_and_say_why(linter):
    paths = {check.path for check in linter.CheckRegistry().checks}
    for name, why in linter.OFF.items():
        assert why
        assert any(path == name or path.startswith(f"{name}.") for path in paths), name
