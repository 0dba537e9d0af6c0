"""How Keras finds the models of the zoo that its files name, after `import tfgen, keras` alone.

Keras makes a model of a `.keras` file only of a class that is registered in the process, and importing tfgen imports no
model. So as soon as Keras is imported, a stand-in is registered for each entry, which imports the entry's module when a
file asks for it; the model's class then takes its place.

This module imports nothing but the standard library.
"""

import importlib
import importlib.abc
import sys

PACKAGE = "tfgen"  # the first part of the name of an entry in Keras's files: tfgen>vae
KERAS = "keras"


def register(kind: type) -> None:
    """Registers a class of models with Keras: of an entry by the entry's name, another by its module's and its own."""
    is_entry = "entry" in vars(kind) and kind.__module__.rpartition(".")[2] == kind.entry
    names = (PACKAGE, kind.entry) if is_entry else (kind.__module__, kind.__qualname__)
    sys.modules[KERAS].saving.register_keras_serializable(*names)(kind)


def register_entries() -> None:
    """Registers a stand-in for each entry whose class is not there yet."""
    saving = importlib.import_module(KERAS).saving
    for entry in importlib.import_module("tfgen.storage.entries").known():
        if saving.get_registered_object(f"{PACKAGE}>{entry}") is None:
            saving.register_keras_serializable(PACKAGE, entry)(_stand_in(entry))


def register_entries_with_keras() -> None:
    """Registers them now if Keras is imported, and otherwise when it is."""
    if KERAS in sys.modules:
        register_entries()
    elif not any(isinstance(finder, _WhenImported) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WhenImported())


def _stand_in(entry: str) -> type:
    """A class that Keras makes a model of: it imports the entry's own and leaves the rest to it."""

    def from_config(config, custom_objects=None):
        importlib.import_module("tfgen.storage.entries").module(entry)  # its class registers itself
        # Not by `get_registered_object`, which answers as it was when Keras began to read the file.
        return importlib.import_module(KERAS).saving.get_custom_objects()[f"{PACKAGE}>{entry}"].from_config(config)

    methods = {"from_config": staticmethod(from_config), "get_config": lambda self: {}}
    return type(entry, (), methods | {"__doc__": f"Stands for the model {entry} until it is imported."})


class _WhenImported(importlib.abc.MetaPathFinder):
    """Finds Keras as the other finders do, and has the entries registered once it is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != KERAS:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((found for found in others if found), None)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
                register_entries()

            spec.loader.exec_module = execute_and_register
        return spec
