"""TensorFlow's C++ session, which TensorFlow Serving runs, reached through its C library.

`TF_LoadSessionFromSavedModel` and `TF_SessionRun` of the installed wheel, by ctypes: the loader and the executor of the
server without a server, and without TensorFlow's Python.
"""

import ctypes
import os
from pathlib import Path

import numpy as np

from export import graph, library, limits, metagraph
from tfgen.quiet import muted

DTYPES = {number: np.dtype(name) for number, name in graph.NUMPY.items()}
NUMBERS = {dtype: number for number, dtype in DTYPES.items()}  # of TensorFlow's enum DataType


class SessionError(RuntimeError):
    """TensorFlow's C library refused; its message.

    Attributes:
        code: the number of TensorFlow's status, 0 where it was not asked.
    """

    def __init__(self, message, code: int = 0):
        super().__init__(message)
        self.code = code


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def open_library() -> ctypes.CDLL:
    """The C library of the installed TensorFlow. Raises SessionError where there is none to load."""
    try:
        library.available()
    except ImportError as error:
        raise SessionError(error) from error
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with muted():
            opened = ctypes.CDLL(str(library.folder() / library.LIBRARY))
    except OSError as error:
        raise SessionError(f"TensorFlow's C library cannot be loaded: {error}") from error
    pointer, pointers = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
    outputs = ctypes.POINTER(_Output)
    run = [pointer, pointer, outputs, pointers, ctypes.c_int, outputs, pointers, ctypes.c_int]
    load = [pointer, pointer, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, pointer, pointer, pointer]
    for name, result, arguments in (
        ("TF_Version", ctypes.c_char_p, []),
        ("TF_NewStatus", pointer, []),
        ("TF_DeleteStatus", None, [pointer]),
        ("TF_GetCode", ctypes.c_int, [pointer]),
        ("TF_Message", ctypes.c_char_p, [pointer]),
        ("TF_NewGraph", pointer, []),
        ("TF_DeleteGraph", None, [pointer]),
        ("TF_GraphOperationByName", pointer, [pointer, ctypes.c_char_p]),
        ("TF_NewSessionOptions", pointer, []),
        ("TF_DeleteSessionOptions", None, [pointer]),
        ("TF_LoadSessionFromSavedModel", pointer, load),
        ("TF_CloseSession", None, [pointer, pointer]),
        ("TF_DeleteSession", None, [pointer, pointer]),
        ("TF_SessionRun", None, [*run, pointers, ctypes.c_int, pointer, pointer]),
        ("TF_AllocateTensor", pointer, [ctypes.c_int, ctypes.POINTER(ctypes.c_int64), ctypes.c_int, ctypes.c_size_t]),
        ("TF_DeleteTensor", None, [pointer]),
        ("TF_NewBufferFromString", pointer, [ctypes.c_char_p, ctypes.c_size_t]),
        ("TF_DeleteBuffer", None, [pointer]),
        ("TF_TensorData", pointer, [pointer]),
        ("TF_TensorType", ctypes.c_int, [pointer]),
        ("TF_NumDims", ctypes.c_int, [pointer]),
        ("TF_Dim", ctypes.c_int64, [pointer, ctypes.c_int]),
    ):
        function = getattr(opened, name)
        function.restype, function.argtypes = result, arguments
    return opened


def as_the_server() -> None:
    """Makes this whole process behave like the stock server: XLA is disabled, and no accelerator is touched."""
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    disable_xla(open_library())


def disable_xla(opened: ctypes.CDLL) -> None:
    """Disables XLA in this process, for good: tensorflow::DisableXlaCompilation()."""
    disable = opened["_ZN10tensorflow21DisableXlaCompilationEv"]
    disable.restype, disable.argtypes = None, []
    disable()


def run_options(seconds: float | None) -> bytes:
    """A RunOptions message whose only field is its timeout, in whole milliseconds."""
    if seconds is None:
        return b""
    return (
        library.protocol("core.protobuf.config_pb2")
        .RunOptions(timeout_in_ms=max(1, round(1000 * seconds)))
        .SerializeToString()
    )


class Session:
    """A loaded SavedModel. `run` may be called from many threads at once.

    A SavedModel is a program: what is not one's own is inspected first (`export.inspection`).

    Attributes:
        graph: the MetaGraphDef.
        signatures: name -> SignatureDef.
    """

    def __init__(self, version: Path):
        try:
            self.graph = metagraph.read((Path(version) / limits.GRAPH).read_bytes())
        except OSError as error:
            raise SessionError(f"{limits.GRAPH} cannot be read: {error.strerror}") from error
        except limits.RefusedError as error:
            raise SessionError(error) from error
        self.signatures = dict(self.graph.signature_def)
        self._library = open_library()
        self._operations = self._library.TF_NewGraph()
        options = self._library.TF_NewSessionOptions()
        tags = (ctypes.c_char_p * 1)(metagraph.TAG.encode())
        path = os.fsencode(version)
        try:
            self._session = self._call(
                self._library.TF_LoadSessionFromSavedModel, options, None, path, tags, 1, self._operations, None
            )
        finally:
            self._library.TF_DeleteSessionOptions(options)

    def run(self, signature: str, inputs: dict, seconds: float | None = None) -> dict:
        """Answers a request: every named input of a signature -> every named output, as NumPy arrays.

        Args:
            signature: its name.
            inputs: name -> array.
            seconds: that it may take; None means as long as it does.

        Raises:
            SessionError: unknown signature, other inputs than it has, or TensorFlow's own error.
        """
        if signature not in self.signatures:
            raise SessionError(f"there is no signature {signature!r}; there are {', '.join(sorted(self.signatures))}")
        definition = self.signatures[signature]
        if set(inputs) != set(definition.inputs):
            raise SessionError(f"{signature} takes {sorted(definition.inputs)}, got {sorted(inputs)}")
        answers = self.fetch(
            {definition.inputs[name].name: value for name, value in inputs.items()},
            [info.name for info in definition.outputs.values()],
            seconds,
        )
        return dict(zip(definition.outputs, answers, strict=True))

    def fetch(self, feeds: dict, fetches: list[str], seconds: float | None = None) -> list[np.ndarray]:
        """The tensors of the graph named by `fetches`, with those of `feeds` given; names as in `op:0`."""
        fed = (_Output * len(feeds))(*map(self._output, feeds))
        outputs = (_Output * len(fetches))(*map(self._output, fetches))
        values = (ctypes.c_void_p * len(feeds))(*map(self._tensor, feeds.values()))
        results = (ctypes.c_void_p * len(fetches))()
        stated = run_options(seconds)
        options = self._library.TF_NewBufferFromString(stated, len(stated)) if stated else None
        try:
            counts = len(feeds), len(fetches)
            run = self._library.TF_SessionRun
            self._call(run, self._session, options, fed, values, counts[0], outputs, results, counts[1], None, 0, None)
            return [self._array(result) for result in results]
        finally:
            for tensor in (*values, *results):
                if tensor:
                    self._library.TF_DeleteTensor(tensor)
            if options:
                self._library.TF_DeleteBuffer(options)

    def close(self) -> None:
        """Frees the session and its variables."""
        self._call(self._library.TF_CloseSession, self._session)
        self._call(self._library.TF_DeleteSession, self._session)
        self._library.TF_DeleteGraph(self._operations)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _call(self, function, *arguments):
        status = self._library.TF_NewStatus()
        try:
            result = function(*arguments, status)
            if code := self._library.TF_GetCode(status):
                raise SessionError(self._library.TF_Message(status).decode(errors="replace"), code)
            return result
        finally:
            self._library.TF_DeleteStatus(status)

    def _output(self, name: str) -> _Output:
        operation, _, index = name.partition(":")
        found = self._library.TF_GraphOperationByName(self._operations, operation.encode())
        if not found:
            raise SessionError(f"the graph has no tensor {name!r}")
        return _Output(found, int(index or 0))

    def _tensor(self, value) -> int:
        array = np.asarray(value, order="C")  # ascontiguousarray would give a scalar an axis
        if array.dtype not in NUMBERS:
            raise SessionError(f"a tensor of dtype {array.dtype} is fed; there are {', '.join(map(str, NUMBERS))}")
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        tensor = self._library.TF_AllocateTensor(NUMBERS[array.dtype], dims, array.ndim, array.nbytes)
        ctypes.memmove(self._library.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
        return tensor

    def _array(self, tensor: int) -> np.ndarray:
        shape = [self._library.TF_Dim(tensor, axis) for axis in range(self._library.TF_NumDims(tensor))]
        array = np.empty(shape, DTYPES[self._library.TF_TensorType(tensor)])
        ctypes.memmove(array.ctypes.data, self._library.TF_TensorData(tensor), array.nbytes)
        return array
