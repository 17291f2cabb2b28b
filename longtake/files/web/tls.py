"""The certificate authorities that connections trust, read once: reading them costs more than connecting."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The context of every TLS connection; `SSL_CERT_FILE` and `SSL_CERT_DIR` apply."""
    return httpx.create_ssl_context()
