"""Imports TensorFlow without its start-up lines.

TensorFlow writes to file descriptor 2 from C++ while it is imported, whatever `TF_CPP_MIN_LOG_LEVEL` says. None of that
is the user's business, so the descriptor is muted during the import and replayed only if the import fails.
"""

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Imports tensorflow and tensorflow_probability; their start-up lines reach stderr only if that fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" in sys.modules and "tensorflow_probability" in sys.modules:
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        stderr = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
            import tensorflow_probability  # noqa: F401
        except Exception:  # an interruption is no failure of TensorFlow's
            said.seek(0)
            os.write(stderr, said.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
