"""Connections that end at a request's deadline, and after as many bytes as its answer may have.

The timeouts of urllib3 hold for each read: a server that sends a byte from time to time is waited for forever. Here
every operation of a socket has the time that is left to the request, and counts the bytes that come in, whether they
are headers, the lengths of chunks or the body. Both are told by `limits`, to the thread that makes the request. Only
the resolver of names, and a proxy's first words on the way to https, have their own time.
"""

import contextlib
import contextvars
import socket
import ssl

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import create_urllib3_context

from export.answers import AnswerError, Deadline, LateError

HEADERS = 2**16  # bytes that may come in besides the body


class _Budget:
    """What is left for an answer: the deadline of its request, and bytes."""

    def __init__(self, deadline: Deadline, size: int):
        self.deadline, self.size, self.bytes = deadline, size, size + HEADERS

    def take(self, count: int) -> int:
        self.bytes -= count
        if self.bytes < 0:
            raise AnswerError(f"answers more than the {self.size} bytes that are expected")
        return count


_budget: contextvars.ContextVar[_Budget] = contextvars.ContextVar("budget")


@contextlib.contextmanager
def limits(deadline: Deadline, size: int):
    """Whatever is received inside, in this thread, comes in by a deadline and has `size` bytes of body at most.

    LateError and AnswerError, which urllib3 neither knows nor catches, end it otherwise.
    """
    token = _budget.set(_Budget(deadline, size))
    try:
        yield
    finally:
        _budget.reset(token)


class _Limited:
    """The operations of a socket, within the budget of the request that is being made."""

    def recv_into(self, *arguments, **options):
        with self._in_time():
            return _budget.get().take(super().recv_into(*arguments, **options))

    def send(self, *arguments, **options):
        with self._in_time():
            return super().send(*arguments, **options)

    def sendall(self, *arguments, **options):
        with self._in_time():
            return super().sendall(*arguments, **options)

    @contextlib.contextmanager
    def _in_time(self):
        self.settimeout(_budget.get().deadline.left())
        try:
            yield
        except TimeoutError:
            raise LateError from None


class _Socket(_Limited, socket.socket):
    pass


class _TLSSocket(_Limited, ssl.SSLSocket):
    def do_handshake(self, *arguments, **options):
        with self._in_time():
            return super().do_handshake(*arguments, **options)


class _Connection(HTTPConnection):
    def connect(self):
        self.timeout = _seconds_an_address(self.host, self.port)
        super().connect()
        plain = self.sock
        self.sock = _Socket(plain.family, plain.type, plain.proto, fileno=plain.detach())


class _TLSConnection(HTTPSConnection):
    def connect(self):
        self.timeout = _seconds_an_address(self.host, self.port)
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class Adapter(HTTPAdapter):
    """The adapter of requests whose connections are such. It takes no SOCKS proxies."""

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, ssl_context=_tls(), **options)
        self._limit(self.poolmanager)

    def proxy_manager_for(self, proxy, **options):
        """The manager of a proxy. Raises AnswerError for SOCKS."""
        if proxy.lower().startswith("socks"):
            raise AnswerError("cannot be reached: SOCKS proxies are not supported")
        return self._limit(super().proxy_manager_for(proxy, ssl_context=_tls(), **options))

    def _limit(self, manager):
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        return manager


def _tls() -> ssl.SSLContext:
    context = create_urllib3_context()
    context.sslsocket_class = _TLSSocket
    return context


def _seconds_an_address(host: str, port: int) -> float:
    """What each address of a host may take to be connected to: urllib3 tries them one after the other."""
    try:
        addresses = len(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        addresses = 1  # urllib3 says what is wrong
    return _budget.get().deadline.left() / max(1, addresses)
