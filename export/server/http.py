"""The socket of the server for development: threads, keep-alive, and limits on size, time and connections."""

import contextlib
import http.server
import io
import ipaddress
import json
import socket
import socketserver
import threading
import time
from urllib.parse import urlsplit

from export.server.refusals import Refusal

IDLE = 60.0  # seconds that a connection may be silent between requests
REASONS = http.server.BaseHTTPRequestHandler.responses
CORS = {  # of --rest_api_enable_cors_support
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
TOO_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Reader(io.RawIOBase):
    """What a connection sends, until a moment that `allow` sets: a request that trickles in ends at it too."""

    def __init__(self, connection):
        self._connection, self._end = connection, 0.0

    def allow(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self._reader = _Reader(self.connection)
        self.rfile = io.BufferedReader(self._reader, 2**16)

    def handle_one_request(self):
        self._reader.allow(IDLE)
        super().handle_one_request()

    def parse_request(self):
        self._reader.allow(self.server.seconds)
        return super().parse_request()

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        path, kind = self.path.partition("?")[0].partition("#")[0], "application/json"
        try:
            self._check_host()
            body = self._body()
            if self.command == "OPTIONS":
                status, content = 200, self._preflight()
            else:
                status, kind, content = self.server.api.respond(self.command, path, body)
        except Refusal as refusal:
            status = refusal.status
            content = json.dumps({"error": refusal.message}, ensure_ascii=False).encode(errors="replace")
        except (TimeoutError, ConnectionError):
            self.close_connection = True
            return
        except Exception as error:  # a fault of this server's; it goes on, and says so
            status = 500
            content = json.dumps({"error": f"this server failed: {type(error).__name__}"}).encode()
            self.server.notify(f"{self.command} {path}: {type(error).__name__}: {error}")
        self._send(status, kind, content)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

    def _body(self) -> bytes:
        """The body of a request. Raises Refusal where it is too large, or of no stated length."""
        length = self.headers.get("Content-Length", "0")
        self.close_connection = True  # where it is refused, it is not read either
        if self.headers.get("Transfer-Encoding"):
            raise Refusal("a body without Content-Length is not taken by this server", status=411)
        if not (length.isascii() and length.isdigit()):
            raise Refusal(f"Content-Length {length!r} is not a number")
        if len(length) > 15 or int(length) > self.server.largest:
            raise Refusal(f"the body has {length[:30]} bytes, this server takes {self.server.largest}", status=413)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError
        self.close_connection = self.headers.get("Connection", "").lower() == "close" or (
            self.request_version == "HTTP/1.0" and self.headers.get("Connection", "").lower() != "keep-alive"
        )
        return body

    def _check_host(self) -> None:
        """A server on the loopback answers no page that reaches it by a name of its own (DNS rebinding)."""
        named = self.headers.get("Host", "localhost")
        try:
            host = urlsplit(f"//{named}").hostname or "localhost"
        except ValueError:  # of brackets that hold no address
            host = named
        if self.server.loopback and not is_loopback(host):
            self.close_connection = True
            raise Refusal(f"this server answers requests to localhost, not to {host[:100]!r}", status=403)

    def _preflight(self) -> bytes:
        if self.headers.get("Origin", "").startswith(("http://", "https://")):
            return b""
        raise Refusal("Origin header is missing in CORS preflight", "FAILED_PRECONDITION")

    def _send(self, status: int, kind: str, content: bytes) -> None:
        """The whole answer in one write."""
        lines = [f"HTTP/1.1 {status} {REASONS[status][0] if status in REASONS else 'Error'}"]
        headers = {"Content-Type": kind, "Content-Length": str(len(content))}
        headers |= CORS if self.server.cors else {}
        headers |= {"Connection": "close"} if self.close_connection else {}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        text = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self.connection.settimeout(self.server.seconds)
        try:
            self.connection.sendall(text if self.command == "HEAD" else text + content)
        except OSError:  # the client is gone, or does not read
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    """A server of what answers by `respond`, as `api.Api` does, a thread for each connection.

    It has its port at once, and listens after `server_activate`.

    Args:
        address: (host, port); port 0 takes a free one.
        api: what answers.
        seconds: that a request may take to come in, and an answer to go out.
        largest: bytes of a request's body.
        connections: at once; a further one is answered 503.
        cors: whether pages of other hosts may read the answers.
        notify: called with a line about a fault of the server's own.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, api, *, seconds=30.0, largest=2**26, connections=128, cors=False, notify=print):
        self.notify = notify
        self.api, self.seconds, self.largest, self.cors = api, seconds, largest, cors
        self.loopback = is_loopback(address[0])
        self._free = threading.BoundedSemaphore(connections)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler, bind_and_activate=False)
        try:
            self.server_bind()
        except BaseException:
            self.server_close()
            raise

    def server_bind(self):
        """Binds without asking a resolver for this machine's name, as the standard library would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request, address):
        if self._free.acquire(blocking=False):
            super().process_request(request, address)
            return
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(TOO_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request, address):
        try:
            super().process_request_thread(request, address)
        finally:
            self._free.release()

    def handle_error(self, request, address):
        """A connection that breaks is no news."""


def is_loopback(host: str) -> bool:
    """Whether an address or a name means this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
