"""HTTP/2 that no gRPC library would send, frame by frame (RFC 9113, RFC 7541): each answer from a port of its own."""

import gzip
import itertools
import socketserver
import struct
import threading
import time

SIZE = 2**26  # bytes of what floods
PATIENCE = 0.02  # seconds between two bytes of what trickles
PAYLOAD = b"\x0a\x05\x0a\x03vae"  # of an honest message
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind: int, flags: int = 0, stream: int = 1, payload: bytes = b"", length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header(name: str, value: str) -> bytes:
    """A header field, literal and not indexed."""
    return b"\x00" + bytes([len(name)]) + name.encode() + _number(len(value)) + value.encode()


def _number(value: int) -> bytes:
    """An integer with a prefix of seven bits."""
    if value < 127:
        return bytes([value])
    value, made = value - 127, b"\x7f"
    while value >= 128:
        made, value = made + bytes([value % 128 + 128]), value // 128
    return made + bytes([value])


def fields(status: int = 200, kind: str = "application/grpc", **more) -> bytes:
    listed = {":status": str(status), "content-type": kind} | {
        name.replace("_", "-"): each for name, each in more.items()
    }
    return b"".join(header(name, value) for name, value in listed.items())


def message(payload: bytes, flag: int = 0, length: int | None = None) -> bytes:
    return bytes([flag]) + struct.pack(">I", len(payload) if length is None else length) + payload


def flood(part: bytes):
    block = part * max(1, 2**16 // len(part))
    return itertools.repeat(block, SIZE // len(block))


def trickle(data: bytes):
    for number in range(len(data)):
        yield data[number : number + 1]
        time.sleep(PATIENCE)


def ended(status: str = "0", **more) -> bytes:
    """Trailers."""
    block = header("grpc-status", status) + b"".join(header(*each) for each in more.items())
    return frame(HEADERS, END_HEADERS | END_STREAM, payload=block)


OPEN = frame(SETTINGS, stream=0) + frame(SETTINGS, ACK, 0)
BEGUN = OPEN + frame(HEADERS, END_HEADERS, payload=fields())
BOMB = gzip.compress(bytes(2**28), 1)
TABLE = b"\x40\x01a" + _number(4000) + b"b" * 4000  # an indexed field, to be repeated by one byte
FRAMES = {  # name -> bytes, or an iterable of them
    "closed": b"",
    "closed after the settings": OPEN,
    "no HTTP 2": b"\x00\xff" * 500,
    "HTTP 1.1": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a redirect of HTTP 1.1": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n",
    "silence": lambda: trickle(b""),
    "silence after the settings": lambda: [OPEN],
    "silence after the headers": lambda: [BEGUN],
    "silence in a message": lambda: [BEGUN, frame(DATA, payload=message(b"\x0a", length=100))],
    "trickled settings": lambda: trickle(frame(SETTINGS, stream=0) * 1000),
    "trickled headers": lambda: itertools.chain([OPEN], trickle(frame(HEADERS, payload=fields() * 1000)[:8000])),
    "a trickled message": lambda: itertools.chain(
        [BEGUN, frame(DATA, payload=message(b"", length=10**5))],
        (each for _ in range(10**4) for each in trickle(frame(DATA, payload=b"\x0a"))),
    ),
    "trickled pings": lambda: itertools.chain([OPEN], trickle(frame(PING, 0, 0, bytes(8)) * 1000)),
    "settings without end": lambda: itertools.chain([OPEN], flood(frame(SETTINGS, stream=0))),
    "pings without end": lambda: itertools.chain([OPEN], flood(frame(PING, 0, 0, bytes(8)))),
    "windows without end": lambda: itertools.chain([OPEN], flood(frame(WINDOW, 0, 0, b"\x00\x00\x00\x01"))),
    "priorities without end": lambda: itertools.chain([OPEN], flood(frame(PRIORITY, 0, 1, bytes(5)))),
    "headers without end": lambda: itertools.chain(
        [OPEN + frame(HEADERS)], flood(frame(CONTINUATION, payload=header("a", "b" * 100)))
    ),
    "empty data without end": lambda: itertools.chain([BEGUN], flood(frame(DATA))),
    "a message without end": lambda: itertools.chain(
        [BEGUN, frame(DATA, payload=message(b"", length=2**32 - 1))], flood(frame(DATA, payload=bytes(16000)))
    ),
    "messages without end": lambda: itertools.chain([BEGUN], flood(frame(DATA, payload=message(b"")))),
    "a table that is repeated": OPEN
    + frame(HEADERS, payload=fields() + TABLE)
    + frame(CONTINUATION, END_HEADERS, payload=b"\xbe" * 16000),
    "a frame of 16 MB": OPEN + frame(DATA, length=2**24 - 1) + bytes(100),
    "an unknown frame": OPEN + frame(200, 255, 1, bytes(100)) + frame(GOAWAY, 0, 0, bytes(8)),
    "a window of 2**31": OPEN + frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2,
    "a ping of 3 bytes": OPEN + frame(PING, 0, 0, bytes(3)),
    "data before headers": OPEN + frame(DATA, END_STREAM, payload=message(b"")),
    "data of another stream": BEGUN + frame(DATA, stream=7, payload=message(b"")) + ended(),
    "a push": OPEN + frame(PUSH, END_HEADERS, 1, b"\x00\x00\x00\x02" + fields()),
    "goodbye": OPEN + frame(GOAWAY, 0, 0, bytes(8)),
    **{
        f"a reset of code {code}": OPEN + frame(RESET, payload=struct.pack(">I", code))
        for code in (0, 1, 2, 7, 8, 11, 99)
    },
    **{
        f"status {status}": OPEN + frame(HEADERS, END_HEADERS | END_STREAM, payload=fields(status))
        for status in (100, 204, 302, 404, 429, 503, 999)
    },
    "another content type": OPEN + frame(HEADERS, END_HEADERS | END_STREAM, payload=fields(kind="text/html")),
    "no status": BEGUN + frame(DATA, END_STREAM, payload=message(b"")),
    "headers only": OPEN + frame(HEADERS, END_HEADERS | END_STREAM, payload=fields()),
    "no message": BEGUN + ended(),
    "two messages": BEGUN + frame(DATA, payload=message(b"") * 2) + ended(),
    "half a message": BEGUN + frame(DATA, payload=message(b"\x0a\x00", length=9)) + ended(),
    "a status of letters": BEGUN + frame(DATA, payload=message(b"")) + ended("fine"),
    "a status of 999": BEGUN + ended("999"),
    "a status below 0": BEGUN + ended("-1"),
    "a status and a message": BEGUN + frame(DATA, payload=message(PAYLOAD)) + ended("13", grpc_message="x"),
    "an unknown compression": OPEN
    + frame(HEADERS, END_HEADERS, payload=fields(grpc_encoding="zip"))
    + frame(DATA, payload=message(b"x", 1))
    + ended(),
    "compressed without saying": BEGUN + frame(DATA, payload=message(gzip.compress(PAYLOAD), 1)) + ended(),
    "a flag of 255": BEGUN + frame(DATA, payload=message(PAYLOAD, 255)) + ended(),
    "a bomb": lambda: itertools.chain(
        [OPEN + frame(HEADERS, END_HEADERS, payload=fields(grpc_encoding="gzip"))],
        (frame(DATA, payload=message(BOMB, 1)[start : start + 16000]) for start in range(0, len(BOMB) + 5, 16000)),
        [ended()],
    ),
}


class Handler(socketserver.BaseRequestHandler):
    """A connection: the settings are sent at once, where there are any, and the rest when the request has come."""

    def handle(self):
        answer = self.server.answer
        parts = iter(answer() if callable(answer) else [answer])
        try:
            first = next(parts, b"")
            if first.startswith(OPEN):
                self.request.sendall(OPEN)
                self.wait()
            self.request.sendall(first.removeprefix(OPEN))
            for part in parts:
                self.request.sendall(part)
            if answer:
                time.sleep(3 if callable(answer) else 0.3)
        except OSError:
            pass  # the client has closed the connection

    def wait(self):
        """Returns when the client has sent the headers of its request, and asked for an answer."""
        read = self.request.makefile("rb").read
        read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        while (head := read(9)) and head[3] != HEADERS:
            read(int.from_bytes(head[:3], "big"))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


def start() -> dict[str, int]:
    """Starts a server for every answer in threads of this process: name -> port."""
    ports = {}
    for name, answer in FRAMES.items():
        server = Server(("127.0.0.1", 0), Handler)
        server.answer = answer
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ports[name] = server.server_address[1]
    return ports
