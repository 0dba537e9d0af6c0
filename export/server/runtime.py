"""A version, inspected and opened: by TensorFlow's C++ session where there is one, else by TensorFlow's Python."""

import tempfile
from pathlib import Path

from export import library, limits, metagraph
from export.inspection import Inspection
from export.session import Session, SessionError, as_the_server

SESSION, PYTHON = "session", "python"
WORDS = {
    SESSION: "TensorFlow's C++ session, without TensorFlow's Python",
    PYTHON: "tf.saved_model.load, in TensorFlow's Python",
}


def chosen(wish: str = "") -> str:
    """The runtime of this machine: the one wished for, or the session where it can be reached.

    Raises:
        ValueError: the session is wished for and cannot be reached.
    """
    if wish == PYTHON:
        return PYTHON
    try:
        library.available()
    except ImportError as error:
        if wish:
            raise ValueError(error) from None
        return PYTHON
    return SESSION


def prepare(runtime: str) -> None:
    """Readies this process for what `opened` opens: no XLA and no accelerator, as in a stock server."""
    if runtime == SESSION:
        as_the_server()
    else:
        from tfgen.quiet import tf

        tf.config.set_visible_devices([], "GPU")


def opened(version: Path, runtime: str, warm: bool = False):
    """Inspects a version as `export.verify` does, and opens its private copy.

    Args:
        version: its directory.
        runtime: SESSION or PYTHON.
        warm: whether it is asked each golden request's first row: a signature's first answer is slow, and a version
            that takes the place of another should not begin with slow ones.

    Returns:
        What has `signatures`, `run` and `close` as `export.session.Session` has them.

    Raises:
        RefusedError, SessionError, OSError: the version is none that may be served; says why.
    """
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        inspection = Inspection(version, Path(folder))
        for name in Inspection.CHECKS:
            try:
                inspection.run(name)
            except limits.RefusedError as error:
                raise limits.RefusedError(f"{name}: {error}") from None
        made = Session(Path(folder)) if runtime == SESSION else Functions(Path(folder))
    for name, sides in inspection.requests.items() if warm else ():
        made.run(name, {key: value[:1] for key, value in sides["inputs"].items()})
    return made


class Functions:
    """A SavedModel in TensorFlow's Python, with the face of `export.session.Session`. A request has no time limit."""

    def __init__(self, version: Path):
        from tfgen.quiet import tf

        self._tf = tf
        self.signatures = dict(metagraph.read((version / limits.GRAPH).read_bytes()).signature_def)
        self._loaded = tf.saved_model.load(str(version))

    def run(self, signature: str, inputs: dict, seconds: float | None = None) -> dict:
        """Answers a request; `seconds` is ignored. Raises SessionError."""
        try:
            fed = {name: self._tf.constant(value) for name, value in inputs.items()}
            return {name: value.numpy() for name, value in self._loaded.signatures[signature](**fed).items()}
        except self._tf.errors.OpError as error:
            raise SessionError(error.message, error.error_code) from error
        except (TypeError, ValueError) as error:  # a shape that the signature does not take
            raise SessionError(str(error).partition("\n")[0]) from error

    def close(self) -> None:
        """Frees it."""
        self._loaded = None
