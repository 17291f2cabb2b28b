"""Other people's clients, each told to create one video at the fake vendor. `python -m ...peers CLIENT` prints a row.

Every client is left as it comes, but for its address, its key and a read timeout of 1.5 s.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import sys
from collections.abc import Callable

from tests.benchmarks.bills.fake_vendor import READ_TIMEOUT_SECONDS, run_all

Create = Callable[[str, str], object]


def with_openai() -> Create:
    """`videos.create`."""
    from openai import OpenAI

    def create(url: str, fault: str) -> object:
        client = OpenAI(base_url=f"{url}/{fault}/v1", api_key="key", timeout=READ_TIMEOUT_SECONDS)
        return client.videos.create(prompt="A red fox", model="sora-2")

    return create


def with_fal() -> Create:
    """`submit` to the queue."""
    from fal_client import client as fal

    def create(url: str, fault: str) -> object:
        # The scheme of the queue's address is fixed to https, so the address is changed where it is kept.
        fal.QUEUE_URL_FORMAT = f"{url}/"
        client = fal.SyncClient(key="key", default_timeout=READ_TIMEOUT_SECONDS)
        return client.submit(f"{fault}/seedance", {"prompt": "A red fox"})

    return create


def with_litellm_router() -> Create:
    """A router with two retries and one fallback, both deployments at the same vendor."""
    from litellm import Router

    def create(url: str, fault: str) -> object:
        wire = {"model": "openai/sora-2", "api_base": f"{url}/{fault}/v1", "api_key": "key"}
        names = ("video", "video-fallback")
        router = Router(
            model_list=[{"model_name": name, "litellm_params": wire} for name in names],
            num_retries=2,
            fallbacks=[{"video": ["video-fallback"]}],
            timeout=READ_TIMEOUT_SECONDS,
        )
        # Its synchronous twin neither retries nor falls back, whatever the router was told.
        return asyncio.run(router.avideo_generation(model="video", prompt="A red fox"))

    return create


def with_ark() -> Create:
    """`content_generation.tasks.create` of the official SDK."""
    from volcenginesdkarkruntime import Ark

    def create(url: str, fault: str) -> object:
        client = Ark(base_url=f"{url}/{fault}/api/v3", api_key="key", timeout=READ_TIMEOUT_SECONDS)
        content = [{"type": "text", "text": "A red fox"}]
        return client.content_generation.tasks.create(model="doubao-seedance-2-0", content=content)

    return create


def with_prefect() -> Create:
    """A plain task with two retries around one POST, in a flow."""
    import httpx
    from prefect import flow, task

    @task(retries=2)
    def submit(address: str) -> str:
        response = httpx.post(address, json={"prompt": "A red fox"}, timeout=READ_TIMEOUT_SECONDS)
        return response.raise_for_status().json()["id"]

    @flow
    def create(url: str, fault: str) -> str:
        return submit(f"{url}/{fault}/v1/videos")

    @flow
    def start_server() -> None:
        pass

    # Flows that begin at once in several threads would each start Prefect's server, and fail.
    start_server()
    return create


PEERS: dict[str, tuple[str, str, Callable[[], Create]]] = {
    "openai": ("openai", "`videos.create`", with_openai),
    "fal": ("fal-client", "`submit`", with_fal),
    "litellm": ("litellm", "Router, 2 retries + 1 fallback", with_litellm_router),
    "ark": ("volcengine-ark-runtime", "`tasks.create` (official)", with_ark),
    "prefect": ("prefect", "`@task(retries=2)` + httpx", with_prefect),
}
"""Client → its distribution, what is called, and how to get ready for it."""


def row(client: str) -> dict[str, object]:
    """The client's row: its name, and its cells or why there are none."""
    distribution, call, prepare = PEERS[client]
    try:
        name = f"{distribution} {importlib.metadata.version(distribution)}, {call}"
        create = prepare()
    except (ImportError, importlib.metadata.PackageNotFoundError) as error:
        return {"client": f"{distribution}, {call}", "skipped": f"not installed ({error})"}
    return {"client": name, "cells": run_all(create)}


if __name__ == "__main__":
    print(json.dumps([row(sys.argv[1])]), flush=True)
