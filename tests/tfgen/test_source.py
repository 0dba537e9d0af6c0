"""What is read from a module's source is what the module says when it is imported."""

import inspect
import sys

import pytest

from tfgen import source
from tfgen.storage import entries

MODULE = '''
"""A module. More."""

from __future__ import annotations

import pathlib
from typing import Literal

from . import kinds
from .kinds import Kind
from .kinds import make as made

STEPS, SIZE = 10 * 2, (1, 2)
RATE: float = 1e-3
SECRET = print("imported")

def plain(a: int, /, b: str = "x", *rest, kind: Kind = "one", other: kinds.Kind | None = None, **more):
    """Plain."""

class First:
    def __init__(self, *, place: pathlib.Path = pathlib.Path("."), sizes: tuple[int, ...] = SIZE):
        """Made."""

class Second(First):
    pass

build = Second
wrapped = print(First)
'''
KINDS = """
from typing import Literal
Kind = Literal["one", "two"]

def make(*, n: int = 2): ...
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "read_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise SystemError('imported')")
    (folder / "mine.py").write_text(MODULE)
    (folder / "kinds.py").write_text(KINDS)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "read_package"]:
        del sys.modules[name]


@pytest.mark.parametrize("entry", entries.entries())
def test_an_entry_declares_what_its_module_has(entry):
    module, declared = entries.module(entry), entries._declared(entries.module_name(entry))
    assert declared.parameters == entries.parameters(entry)
    assert declared.documentation == inspect.getdoc(module.build.__init__)
    assert (declared.steps, declared.batch_size) == (module.STEPS, module.BATCH_SIZE)
    assert (declared.learning_rate, declared.about) == (module.LEARNING_RATE, module.ABOUT)


def test_values_and_signatures_are_read_without_importing(package):
    said = source.read("read_package.mine")
    assert said.docstring() == "A module. More."
    assert (said.STEPS, said.SIZE, said.RATE) == (20, (1, 2), 1e-3)
    parameters = said.parameters("plain")
    (package / "__init__.py").write_text("")
    expected = dict(inspect.signature(__import__("read_package.mine").mine.plain, eval_str=True).parameters)
    assert parameters == expected
    assert said.documentation("plain") == "Plain."
    assert list(said.parameters("build")) == ["place", "sizes"]
    assert said.parameters("build")["sizes"].default == (1, 2)
    assert said.documentation("build") == "Made."
    assert said.parameters("made")["n"].default == 2


@pytest.mark.parametrize("name", ["nothing", "wrapped"])
def test_what_only_running_tells_is_said_to_be_unknown(package, name):
    with pytest.raises(source.SourceError):
        source.read("read_package.mine").parameters(name)


@pytest.mark.parametrize("module", ["read_package.nowhere", "nowhere.at.all", "sys", "read_package.mine.deeper"])
def test_a_module_without_source_is_refused(package, module):
    with pytest.raises(source.SourceError):
        source.read(module)


def test_a_module_whose_source_does_not_tell_is_imported(package, monkeypatch):
    (package / "__init__.py").write_text("")
    text = "from zoo.models import vae\nfrom zoo.models.vae import STEPS, BATCH_SIZE, LEARNING_RATE\n\n\n"
    text += 'class Dark(vae.VAE):\n    entry = "dark"\n\n\nbuild = {1: Dark}[1]\n'
    (package / "dark.py").write_text(text)
    monkeypatch.setattr(entries, "_registered", {})
    assert entries.announce("read_package.dark") == "dark"
    assert "read_package.dark" in sys.modules
    assert entries.declaration("dark").parameters == entries.declaration("vae").parameters
