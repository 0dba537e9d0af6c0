"""How TensorFlow Serving refuses a request: the code of a status, with its number and HTTP status, and a message."""

CODES = {  # TensorFlow's error::Code, which is that of gRPC: name -> (number, HTTP status of http_server.cc)
    "CANCELLED": (1, 499),
    "UNKNOWN": (2, 500),
    "INVALID_ARGUMENT": (3, 400),
    "DEADLINE_EXCEEDED": (4, 504),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "RESOURCE_EXHAUSTED": (8, 429),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "OUT_OF_RANGE": (11, 400),
    "UNIMPLEMENTED": (12, 501),
    "INTERNAL": (13, 500),
    "UNAVAILABLE": (14, 503),
    "DATA_LOSS": (15, 500),
    "UNAUTHENTICATED": (16, 401),
}
NAMES = {number: name for name, (number, _) in CODES.items()}


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of the server's
    """An answer that is an error.

    Attributes:
        code: a name of `CODES`.
        message: the server's words.
        status: of HTTP.
    """

    def __init__(self, message: str, code: str = "INVALID_ARGUMENT", status: int | None = None):
        super().__init__(message)
        self.message, self.code = message, code
        self.status = CODES[code][1] if status is None else status
