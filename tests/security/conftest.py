"""The modules beside the tests, which `attack.py` uses too, are found by their names."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def version(tmp_path_factory):
    """An honest version of a small model with random weights: to copy, never to write into."""
    from editing import honest

    return honest(tmp_path_factory.mktemp("honest"))
