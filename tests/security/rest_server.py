"""A REST server that answers each model, which is the name of a case, in a hostile way of its own."""

import gzip
import itertools
import json
import socketserver
import sys
import threading
import time
import urllib.parse
import zlib

import cases

SIZE = 2**29  # bytes of what floods: too many to be read
PATIENCE = 0.02  # seconds between two bytes of what trickles


def head(status="200 OK", **headers) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def whole(body, status="200 OK", **headers) -> bytes:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(status, Content_Length=len(body), **headers) + body


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def trickle(data: bytes, first: bytes = b""):
    """Bytes one by one, and the last of them for ever."""
    yield first
    for number in itertools.count():
        yield data[number : number + 1] or data[-1:]
        time.sleep(PATIENCE)


def flood(part: bytes, first: bytes = b""):
    yield first
    block = part * max(1, 2**16 // len(part))
    for _ in range(SIZE // len(block)):
        yield block


def pause(first: bytes):
    yield first
    time.sleep(60)


def lists(signatures) -> dict:
    return {"model_spec": {"name": "m", "version": "1"}, "metadata": {"signature_def": signatures}}


BOMB = gzip.compress(bytes(2**22), 1) * 2**6  # 268 MB
CHUNKS = head(Transfer_Encoding="chunked")
WIRE = {  # name -> bytes, or a function that makes them: whatever is asked
    "closed": b"",
    "half a status line": b"HTTP/1.1 20",
    "no HTTP": b"\x00\x01\x02\xff" * 64,
    "HTTP 0.9": b"<html>hello</html>",
    "HTTP 2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18),
    "a status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a trickled status line": lambda: trickle(b"HTTP/1.1 200 OK"),
    "trickled headers": lambda: trickle(b"X-A: b\r\n" * 10**4, b"HTTP/1.1 200 OK\r\n"),
    "a trickled body": lambda: trickle(b"{" + b" " * 10**4, head(Content_Length=10**4)),
    "trickled chunks": lambda: trickle(b"1\r\n \r\n" * 10**4, CHUNKS),
    "a trickled body without a length": lambda: trickle(b"{" + b" " * 10**4, head(Connection="close")),
    "a trickled error": lambda: trickle(b"bad " * 10**4, head("500 Bad", Content_Length=10**4)),
    "silence": lambda: pause(b""),
    "silence after the headers": lambda: pause(head(Content_Length=100)),
    "silence in the body": lambda: pause(head(Content_Length=100) + b'{"outputs"'),
    "silence in a chunk": lambda: pause(CHUNKS + b"64\r\n{"),
    "a header without end": lambda: flood(b"x", b"HTTP/1.1 200 OK\r\nX: "),
    "headers without end": lambda: flood(b"X-A: b\r\n", b"HTTP/1.1 200 OK\r\n"),
    "99 long headers": whole({}, **{f"X_{number}": "y" * 60_000 for number in range(99)}),
    "continue without end": lambda: flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "continue, trickled": lambda: trickle(b"HTTP/1.1 100 Continue\r\n\r\n" * 10**3),
    "a body without end": lambda: flood(b" ", head(Connection="close")),
    "a length of 10**15": lambda: flood(b" ", head(Content_Length=10**15)),
    "a length of 4,000 digits": lambda: flood(b" ", head(Content_Length="9" * 4000)),
    "a length below 0": lambda: flood(b" ", head(Content_Length=-1)),
    "two lengths": lambda: flood(b" ", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 900000000\r\n\r\n"),
    "a length that is cut short": head(Content_Length=10**4) + b"{}",
    "chunks without end": lambda: flood(b"1\r\n \r\n", CHUNKS),
    "a chunk of 2**60": lambda: flood(b" ", CHUNKS + b"1000000000000000\r\n"),
    "a chunk below 0": lambda: flood(b" ", CHUNKS + b"-1\r\n"),
    "a chunk of letters": CHUNKS + b"zz\r\n{}\r\n",
    "a chunk's length without end": lambda: flood(b"0", CHUNKS),
    "a chunk's extension without end": lambda: flood(b"x", CHUNKS + b"2;"),
    "trailers without end": lambda: flood(b"X: y\r\n", CHUNKS + b"0\r\n"),
    "gzip": whole(gzip.compress(b"{}"), Content_Encoding="gzip"),
    "a gzip bomb": whole(BOMB, Content_Encoding="gzip"),
    "a gzip bomb in chunks": head(Transfer_Encoding="chunked", Content_Encoding="gzip") + chunked(BOMB),
    "a deflate bomb": whole(zlib.compress(bytes(2**26), 1), Content_Encoding="deflate"),
    "many codings": whole(BOMB, Content_Encoding=", ".join(["gzip"] * 100)),
    "an unknown coding": whole(b"{}", Content_Encoding="x" * 1000),
    "a redirect elsewhere": whole(b"", "301 Moved", Location="http://127.0.0.1:9/"),
    "a redirect to itself": whole(b"", "302 Found", Location="/"),
    "a redirect of POST": whole(b"", "307 Temporary", Location="http://user:secret@127.0.0.1:9/"),
    "a redirect to nowhere": whole(b"", "308 Permanent"),
    "a redirect to a file": whole(b"", "303 See", Location="file:///etc/passwd"),
    "a redirect of bytes": whole(b"", "302 Found", Location="\x7f\\::["),
    "a redirect with a bomb": whole(BOMB, "302 Found", Location="/", Content_Encoding="gzip"),
    "a redirect without end": lambda: flood(b" ", head("302 Found", Location="/")),
    "not modified": head("304 Not Modified"),
    "no content": head("204 No Content"),
    "another protocol": head("101 Switching Protocols", Upgrade="x", Connection="Upgrade"),
    "created": whole({}, "201 Created"),
    "partial": whole({}, "206 Partial Content"),
    "unauthorised": whole(b"who?", "401 Unauthorized", WWW_Authenticate="Basic"),
    "not found": whole({"error": "Servable not found"}, "404 Not Found"),
    "too many requests": whole({"error": "later"}, "429 Too Many Requests", Retry_After="86400"),
    "unavailable": whole({"error": "later"}, "503 Unavailable", Retry_After="86400"),
    "an error without a body": whole(b"", "500 Internal Server Error"),
    "an error without end": lambda: flood(b"bad ", head("502 Bad Gateway")),
    "an error of 10 MB": whole({"error": "bad " * 2_500_000}, "400 Bad Request"),
    "an error of control characters": whole({"error": "\x1b[2J\r\n\x00\u202e" * 10}, "400 Bad Request"),
    "an error that is not text": whole({"error": [{"error": 1}] * 100}, "400 Bad Request"),
    "an error of bytes": whole(b"\xff\xfe\x00" * 100, "400 Bad Request"),
    "an error in deep brackets": whole(b"[" * 60_000, "400 Bad Request"),
    "an error of status 200": whole({"error": "but all is well"}),
    "cookies": whole(b"x", Set_Cookie="a=b; domain=.; expires=never; max-age=zzz; path"),
    "an empty body": whole(b""),
    "no JSON": whole(b"<html>hello</html>"),
    "bytes": whole(bytes(range(256))),
    "UTF-16": whole('{"outputs": []}'.encode("utf-16")),
    "a byte order mark": whole(b"\xef\xbb\xbf{}"),
    "half of JSON": whole(b'{"outputs": [[1, 2'),
    "JSON and more": whole(b'{"outputs": []} {}'),
    "null": whole(None),
    "a number": whole(5),
    "text": whole("outputs"),
    "a list": whole([{"outputs": []}]),
    "an empty object": whole({}),
    "deep brackets": whole(b"[" * 4000),
    "deep objects": whole(b'{"a":' * 2000),
    "a long integer": whole(b'{"outputs": ' + b"9" * 9000 + b"}"),
}
PREDICT = {  # answers to `sample`, which has one output
    "no outputs": whole({"predictions": cases.made("sample")["image"].tolist()}),
    "outputs of null": whole({"outputs": None}),
    "outputs of text": whole({"outputs": "image"}),
    "outputs of a number": whole({"outputs": 0.5}),
    "outputs with a name": whole({"outputs": {"image": cases.made("sample")["image"].tolist()}}),
    "an empty list": whole({"outputs": []}),
    "rows of nothing": whole({"outputs": [[]] * 4}),
    "too many brackets": whole(b'{"outputs": ' + b"[" + b"[]," * 15_000 + b"[]]}"),
    "too many braces": whole(b'{"outputs": [' + b"{}," * 10_000 + b"{}]}"),
    "too many texts": whole(b'{"outputs": [' + b'"",' * 10_000 + b'""]}'),
    "too many numbers": whole(b'{"outputs": [' + b"0," * 20_000 + b"0]}"),
    "a long text": whole(('{"outputs": "' + "\U0001f600" * 9_000 + '"}').encode()),
    "spaces": whole(b" " * 10**7 + b"{}"),
}
LARGE = {  # answers to `large`, nearly as long as they may be
    "brackets": lambda: [whole(b'{"outputs": [' + b"[]," * 8_000_000 + b"0]}")],
    "braces": lambda: [whole(b'{"outputs": [' + b"{}," * 8_000_000 + b"0]}")],
    "texts": lambda: [whole(b'{"outputs": [' + b'"",' * 8_000_000 + b"0]}")],
    "numbers": lambda: [whole(b'{"outputs": [' + b"12345," * 4_000_000 + b"0]}")],
    "a text": lambda: [whole(b'{"outputs": "' + "\U0001f600".encode() * 6_000_000 + b'"}')],
    "an integer": lambda: [whole(b'{"outputs": ' + b"9" * 24_000_000 + b"}")],
    "a number": lambda: [whole(b'{"outputs": 0.' + b"9" * 24_000_000 + b"}")],
}
PIXEL = {  # what stands in the place of one pixel
    "true": "true",
    "null": "null",
    "text": '"0.5"',
    "a list": "[0.5]",
    "an object": "{}",
    "nothing": "",
    "1e999": "1e999",
    "infinity": "Infinity",
    "minus infinity": "-Infinity",
    "NaN": "NaN",
    "10**400": "1" + "0" * 400,
    "0x1": "0x1",
    "10**5000": "1" + "0" * 5000,
    "two": "1.5",
    "+1": "+1",
    "a comma": "0.5,",
    "2**64": str(2**64),
    "1e39": "1e39",
}
METADATA = {  # listings that cannot be written as protocol buffers
    "no metadata": {"model_spec": {}},
    "metadata of a list": {"metadata": [1]},
    "no signature_def": {"metadata": {"signature_def": {}}},
    "signatures of a list": lists({"signature_def": [cases.SAMPLE]}),
    "a signature of text": lists({"signature_def": cases.HONEST | {"sample": "x"}}),
    "inputs of null": lists({"signature_def": cases.HONEST | {"sample": {"inputs": None, "outputs": {}}}}),
    "a dimension of text": lists(cases.with_output({"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "many"}]}})),
    "a dimension of 5,000 digits": lists(cases.with_output(cases.tensor("9" * 5000))),
    "dimensions of a number": lists(cases.with_output({"dtype": "DT_FLOAT", "tensor_shape": {"dim": 5}})),
    "a dtype of a list": lists(cases.with_output({"dtype": ["DT_FLOAT"], "tensor_shape": {"dim": [{"size": "-1"}]}})),
    "a megabyte": lists(cases.listing(count=cases.COUNT | {"method_name": "x" * 2**20})),
}


def pixel(word: str) -> bytes:
    text = json.dumps({"outputs": cases.made("sample")["image"].tolist()})
    return whole(text.replace("0.5", word, 1).encode())


def outputs(signature: str, answer: dict) -> bytes:
    values = {name: value.tolist() for name, value in answer.items()}
    single = len(cases.HONEST[signature]["outputs"]) == 1
    return whole({"outputs": next(iter(values.values()), None) if single else values})


LISTED = {f"listing: {name}": whole(lists(each)) for name, each in cases.LISTINGS.items()}
LISTED |= {f"listing: {name}": whole(each) for name, each in METADATA.items()}
LISTED |= {f"listing: {name}": each for name, each in WIRE.items()}
ANSWERED = {f"answer: {name}": outputs(*each) for name, each in cases.ANSWERS.items()}
ANSWERED |= {f"answer: {name}": each for name, each in {**WIRE, **PREDICT}.items()}
ANSWERED |= {f"pixel: {name}": pixel(word) for name, word in PIXEL.items()}
ANSWERED |= {f"large: {name}": each for name, each in LARGE.items()}
HOSTILE = {**LISTED, **ANSWERED}
SIGNATURE = {f"answer: {name}": signature for name, (signature, _) in cases.ANSWERS.items()}
SIGNATURE |= {f"large: {name}": "large" for name in LARGE}  # and `sample` of all others


class Handler(socketserver.StreamRequestHandler):
    """A connection: one request is read, and answered."""

    def handle(self):
        line = self.rfile.readline().decode()
        length = 0
        while (header := self.rfile.readline()).strip():
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        path = line.split(" ")[1] if line else "/v1/models/listing: closed/metadata"
        case = urllib.parse.unquote(path.removeprefix("/v1/models/").removesuffix("/metadata").removesuffix(":predict"))
        answer = HOSTILE[case]
        if path.endswith("/metadata") and case in ANSWERED:
            answer = whole(lists({"signature_def": cases.HONEST}), Connection="close")
        try:
            for part in answer() if callable(answer) else [answer]:
                self.wfile.write(part)
        except OSError:
            pass  # the client has closed the connection


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


def start() -> str:
    """Starts the server in a thread of this process; its URL."""
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def serve() -> None:
    """Prints case -> [URL, signature] as JSON, and serves until the standard input is closed."""
    url = start()
    print(json.dumps({case: [url, SIGNATURE.get(case, "sample")] for case in HOSTILE}), flush=True)
    sys.stdin.read()
