"""Prefect servers that are there already: one that a setting names, one that holds the port we want."""

from __future__ import annotations

import os
import socket
from typing import NoReturn

from deployments.local.server.join import Places, ServerHandle, is_held, prefect_home
from flows._server_reach import port_taken, require_answer
from longtake.domain.errors import ConfigurationError


def require_free_port(port: int) -> None:
    """Looks whether a server of ours can have this port; where one of ours runs already, it has its own.

    Raises:
        ConfigurationError: It cannot. A second server on another port would share the first one's database.
    """
    if is_held(Places(prefect_home()).server):
        return
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            if is_prefect(url := f"http://127.0.0.1:{port}/api"):
                raise ConfigurationError(
                    f"a Prefect server that is not ours listens on port {port}: end it, or use it with "
                    f"`PREFECT_API_URL={url} python -m deployments.local --join`"
                ) from None
            raise port_taken(port, "--port", error) from None


def is_prefect(api_url: str) -> bool:
    """Whether a Prefect server answers there, if only by asking for a login."""
    try:
        require_answer(api_url)
    except ConfigurationError as error:
        return "asks for a login" in str(error)
    return True


def refuse_unasked(server: ServerHandle) -> NoReturn:
    """Refuses a server that a setting names, for nobody said that it should be used.

    Raises:
        ConfigurationError: It says where the server is named, and both ways out.
    """
    named_by = "PREFECT_API_URL" if os.environ.get("PREFECT_API_URL") else "a Prefect profile or settings file"
    way_out = "unset it" if os.environ.get("PREFECT_API_URL") else "`prefect config unset PREFECT_API_URL`"
    raise ConfigurationError(
        f"{named_by} names the server {server.api_url}: --join deploys and works there; "
        f"{way_out}, and a server of its own is started here"
    )
