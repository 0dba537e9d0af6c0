"""TensorFlow's compiled library and its protocol buffers, found without importing TensorFlow's Python."""

import contextlib
import importlib.util
import sys
import types
from pathlib import Path

LIBRARY = "libtensorflow_cc.so.2"


def folder() -> Path:
    """Where the installed TensorFlow lies. Raises ImportError if there is none."""
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("TensorFlow is not installed")
    return Path(spec.submodule_search_locations[0])


@contextlib.contextmanager
def protocol_buffers():
    """Makes `tensorflow.core...._pb2` importable without TensorFlow itself: a stub stands in for the package.

    Those modules are pure Python, but importing one runs `tensorflow/__init__.py` first. If TensorFlow is imported
    already, nothing is done; whoever imports it later gets the real one.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    stub = types.ModuleType("tensorflow")
    stub.__path__ = [str(folder())]
    sys.modules["tensorflow"] = stub
    try:
        yield
    finally:
        del sys.modules["tensorflow"]
