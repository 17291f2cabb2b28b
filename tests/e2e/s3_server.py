"""An S3 server of the test's own (moto), with the manners that a test chooses for conditional writes."""

from __future__ import annotations

import functools
import logging
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import s3fs
from botocore.loaders import JSONFileLoader
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

CONDITION = "HTTP_IF_NONE_MATCH"
CODES = {
    409: "ConditionalRequestConflict",
    412: "PreconditionFailed",
    500: "InternalError",
    503: "SlowDown",
}
WRITES = {"PUT", "COPY", "DELETE", "POST"}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "hunter2",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@functools.cache
def _shared_moto() -> DomainDispatcherApplication:
    """One application serves all: its buckets are those of the process anyhow."""
    return DomainDispatcherApplication(create_backend_app)


@functools.cache
def _service_description(path: str) -> object:
    return _read_description(JSONFileLoader(), path)


# Every client of a test is a new one, and reads a megabyte of descriptions anew.
_read_description = JSONFileLoader.load_file
JSONFileLoader.load_file = lambda self, file_path: _service_description(file_path)


@dataclass
class S3Server:
    """A store at `url`.

    Attributes:
        loses_answers: The first conditional PUT of every key is carried out and its connection then closed.
        forgets_conditions: Conditional PUTs are carried out as if they were plain.
        trouble: A status that the first answer of every conditional PUT of the ledger has; 0 stands for a connection
            that is dropped.
        is_late: Whether the PUT had been carried out by then.
        stale_seconds: Lists show what was there so long ago.
        troubled: Keys that were answered so.
        lost: Keys whose first answer was lost.
        delay_seconds: Every answer waits so long.
        requests: Kind and key of all that was asked, in order.
        on_write: Told the number of every write, before and after it was carried out.
    """

    url: str = ""
    loses_answers: bool = False
    forgets_conditions: bool = False
    lost: list[str] = field(default_factory=list)
    trouble: int | None = None
    is_late: bool = False
    stale_seconds: float = 0.0
    troubled: list[str] = field(default_factory=list)
    delay_seconds: float = 0.0
    requests: list[tuple[str, str]] = field(default_factory=list)
    on_write: Callable[[int, bool], None] = lambda number, is_done: None
    _answered: set[str] = field(default_factory=set)
    # moto looks and writes in two steps; a real store does it in one.
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    _moto: object = field(default_factory=_shared_moto)

    @property
    def environment(self) -> dict[str, str]:
        """What points S3 clients here."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.url}

    def files(self) -> s3fs.S3FileSystem:
        """A client of its own, without caches."""
        return s3fs.S3FileSystem(
            key="key", secret="hunter2", endpoint_url=self.url, skip_instance_cache=True, use_listings_cache=False
        )

    def counts(self, since: int = 0) -> Counter[str]:
        """How many requests of each kind came, those before the number `since` left out."""
        return Counter(kind for kind, _ in self.requests[since:])

    def __call__(self, environ, start_response):
        kind = _kind(environ)
        self.requests.append((kind, environ["PATH_INFO"]))
        if kind not in WRITES:
            return self._answer(environ, start_response)
        number = sum(each in WRITES for each, _ in self.requests)
        self.on_write(number, False)
        try:
            return self._answer(environ, start_response)
        finally:
            self.on_write(number, True)

    def _answer(self, environ, start_response):
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        if self.stale_seconds and environ["REQUEST_METHOD"] == "GET" and "list-type" in environ.get("QUERY_STRING", ""):
            return self._stale(environ, start_response)
        if environ["REQUEST_METHOD"] != "PUT" or CONDITION not in environ:
            return self._moto(environ, start_response)
        if self.trouble is not None and (key := environ["PATH_INFO"]) not in self._answered and "/ledger/" in key:
            return self._troubled(key, environ, start_response)
        if self.forgets_conditions:
            del environ[CONDITION]
        with self._one_at_a_time:
            if "HTTP_X_AMZ_COPY_SOURCE" in environ and self._stands(environ):
                return _refused(412, start_response)
            answer = list(self._moto(environ, start_response))
            key = environ["PATH_INFO"]
            if not self.loses_answers or key in self._answered:
                return answer
            self._answered.add(key)
            self.lost.append(key)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return answer

    def _troubled(self, key, environ, start_response):
        self._answered.add(key)
        self.troubled.append(key)
        if self.is_late:
            with self._one_at_a_time:
                list(self._moto(environ, lambda *_: None))
        if self.trouble == 0:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return [b""]
        return _refused(self.trouble, start_response)

    def _stands(self, environ) -> bool:
        """Whether something stands at a key; moto asks for it at no copy, as S3 does."""
        told: list[str] = []
        kept = {name: value for name, value in environ.items() if not name.startswith("HTTP_X_AMZ_COPY")}
        list(self._moto(kept | {"REQUEST_METHOD": "HEAD"}, lambda status, *_: told.append(status)))
        return told[0].startswith("200")

    def _stale(self, environ, start_response):
        """Leaves out of a list what was written a moment ago."""
        answer = b"".join(self._moto(environ, start_response))
        since = datetime.now(UTC) - timedelta(seconds=self.stale_seconds)

        def kept(entry: re.Match[bytes]) -> bytes:
            written = datetime.fromisoformat(entry[1].decode().replace("Z", "+00:00"))
            return entry[0] if written < since else b""

        return [re.sub(rb"<Contents>.*?<LastModified>(.*?)</LastModified>.*?</Contents>", kept, answer, flags=re.S)]


def _refused(status: int, start_response):
    code = CODES[status]
    start_response(f"{status} {code}", [("Content-Type", "application/xml")])
    return [f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()]


def _kind(environ) -> str:
    """What a request is, as S3's price lists tell them apart."""
    method = environ["REQUEST_METHOD"]
    if method == "GET" and "list-type" in environ.get("QUERY_STRING", ""):
        return "LIST"
    return "COPY" if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ else method


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Serves in a thread; every server of this process shows the same buckets."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    store = S3Server()
    server = make_server("127.0.0.1", 0, store, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
