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

BACKEND = "tensorflow"  # of Keras
LIBRARIES = ("tensorflow", "tensorflow_probability", "keras")


@contextlib.contextmanager
def muted():
    """Keeps what C++ code writes to file descriptor 2 off the screen, unless the block fails."""
    _flush()
    with contextlib.ExitStack() as stack:
        try:
            written = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(2)
        except OSError:  # no stderr, or no room for what is written to it
            yield
            return
        os.dup2(written.fileno(), 2)
        try:
            yield
        except Exception:  # an interruption is no failure of the library's
            written.seek(0)
            with contextlib.suppress(OSError):  # nobody reads it
                os.write(stderr, written.read())
            raise
        finally:
            _flush()
            os.dup2(stderr, 2)
            os.close(stderr)


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, broken or missing
        sys.stderr.flush()


def import_tensorflow():
    """Imports tensorflow, tensorflow_probability and keras; their start-up lines reach stderr only if that fails.

    Returns:
        The module tensorflow.

    Raises:
        ImportError: Keras has another backend than TensorFlow in this process, or refuses the user's settings; Python
            was told to drop docstrings.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if set(LIBRARIES) <= set(sys.modules):
        return sys.modules["tensorflow"]
    if sys.flags.optimize > 1:
        raise ImportError("tf_keras needs its docstrings, which PYTHONOPTIMIZE=2 or python -OO drops; 1 or -O is fine")
    if "keras" in sys.modules:
        _check_backend()
    else:
        os.environ["KERAS_BACKEND"] = BACKEND  # whatever the environment or keras.json says
    import_matplotlib()  # or Keras would, with whatever MPLBACKEND says
    with muted():
        try:
            for library in LIBRARIES:
                importlib.import_module(library)
        except ValueError as error:  # TensorFlow imports Keras, which reads a file and the environment
            raise ImportError(f"Keras refuses its settings in keras.json or the environment: {error}") from error
    return sys.modules["tensorflow"]


def _check_backend() -> None:
    backend = sys.modules["keras"].config.backend()
    if backend != BACKEND:
        raise ImportError(
            f"tfgen needs Keras with TensorFlow, and this process has imported it with {backend}; set "
            f"KERAS_BACKEND={BACKEND}, or import tfgen.models before keras"
        )


def import_matplotlib():
    """Imports what figures are drawn with, which is none of matplotlib's backends for a screen.

    `MPLBACKEND` still holds for whoever imports pyplot; a name that is not a backend's would end matplotlib's import.

    Returns:
        The module matplotlib.

    Raises:
        ImportError: a file matplotlibrc that is not text.
    """
    backend = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        for module in ("matplotlib.figure", "matplotlib.style", "matplotlib.backends.backend_agg"):
            importlib.import_module(module)
    except ValueError as error:
        raise ImportError(f"matplotlib cannot read its settings, a file matplotlibrc: {error}") from error
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with contextlib.suppress(ValueError):
            sys.modules["matplotlib"].rcParams["backend"] = backend
    return sys.modules["matplotlib"]


def __getattr__(name: str):
    if name == "tf":
        return import_tensorflow()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
