"""TensorFlow's compiled library and its protocol buffers, found without importing TensorFlow's Python."""

import contextlib
import importlib
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


def available() -> None:
    """Raises ImportError where TensorFlow's C++ loader cannot be reached; says why."""
    if not sys.platform.startswith("linux"):
        raise ImportError(f"TensorFlow's C++ loader is reached on Linux only, this is {sys.platform}")
    folder()


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


def protocol(name: str):
    """A module of TensorFlow's protocol buffers, such as core.protobuf.saved_model_pb2."""
    with protocol_buffers():
        return importlib.import_module(f"tensorflow.{name}")
