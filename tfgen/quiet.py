"""TensorFlow without its start-up lines: `from tfgen.quiet import tf`.

TensorFlow writes to file descriptor 2 from C++ while it is imported, whatever `TF_CPP_MIN_LOG_LEVEL` says. None of that
is the user's business, so the descriptor is muted during the import and replayed only if the import fails.

Importing this module imports nothing heavy; the first use of `tf` does.
"""

import contextlib
import importlib
import os
import sys
import tempfile


@contextlib.contextmanager
def muted():
    """Keeps what C++ code writes to file descriptor 2 off the screen, unless the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as written:
        stderr = os.dup(2)
        os.dup2(written.fileno(), 2)
        try:
            yield
        except Exception:  # an interruption is no failure of the library's
            written.seek(0)
            os.write(stderr, written.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)


def import_tensorflow():
    """Imports tensorflow and tensorflow_probability; their start-up lines reach stderr only if that fails.

    Returns:
        The module tensorflow.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not {"tensorflow", "tensorflow_probability"} <= set(sys.modules):
        with muted():
            importlib.import_module("tensorflow")
            importlib.import_module("tensorflow_probability")
    return sys.modules["tensorflow"]


def __getattr__(name: str):
    if name == "tf":
        return import_tensorflow()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
