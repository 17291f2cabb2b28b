"""An S3 server of the test's own (moto), with the manners that a test chooses for conditional writes."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import s3fs
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

CONDITION = "HTTP_IF_NONE_MATCH"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "hunter2",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass
class S3Server:
    """A store at `url`.

    Attributes:
        loses_answers: The first conditional PUT of every key is carried out and its connection then closed.
        forgets_conditions: Conditional PUTs are carried out as if they were plain.
        lost: Keys whose first answer was lost.
    """

    url: str = ""
    loses_answers: bool = False
    forgets_conditions: bool = False
    lost: list[str] = field(default_factory=list)
    _answered: set[str] = field(default_factory=set)
    # moto looks and writes in two steps; a real store does it in one.
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    _moto: object = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    @property
    def environment(self) -> dict[str, str]:
        """What points S3 clients here."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.url}

    def files(self) -> s3fs.S3FileSystem:
        """A client of its own, without caches."""
        return s3fs.S3FileSystem(
            key="key", secret="hunter2", endpoint_url=self.url, skip_instance_cache=True, use_listings_cache=False
        )

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] != "PUT" or CONDITION not in environ:
            return self._moto(environ, start_response)
        if self.forgets_conditions:
            del environ[CONDITION]
        with self._one_at_a_time:
            answer = list(self._moto(environ, start_response))
            key = environ["PATH_INFO"]
            if not self.loses_answers or key in self._answered:
                return answer
            self._answered.add(key)
            self.lost.append(key)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return answer


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
