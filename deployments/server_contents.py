"""What a Prefect server must hold before `prefect deploy --all`: block types, credentials documents from the
environment, the work pool, the concurrency limits, the automations. What is there is left alone.
"""

from __future__ import annotations

import ipaddress
import os
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypesOrUnknown, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import get_current_settings

from blocks import ClipStore, ContentCredentials
from blocks.credentials import CREDENTIALS
from deployments.notifications import NOTIFY_URL, notification_block, notifications
from longtake.accounts.account import limit_name
from longtake.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from blocks.credentials import VendorCredentials

WORK_POOL = "longtake"
DEAD_AFTER = timedelta(seconds=90)  # three missed beats of PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30 in prefect.yaml
ENDINGS = tuple(f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed"))
_OURS = ResourceSpecification({"prefect.resource.id": "prefect.tag.longtake"})


async def bootstrap() -> list[str]:
    """Prepares the server of `PREFECT_API_URL`; returns one line for each thing made or left as it was.

    Raises:
        ConfigurationError: No server is configured, or keys would go to one that anybody can read.
    """
    api_url = get_current_settings().api.url
    if not api_url:
        raise ConfigurationError("PREFECT_API_URL names no Prefect server")
    found = {} if "LONGTAKE_SANDBOX_URL" in os.environ else _credentials_in_environment()
    secrets = [*found, *([NOTIFY_URL] if os.environ.get(NOTIFY_URL) else [])]
    if secrets and not _is_loopback(api_url) and not await _asks_for_authentication(api_url):
        raise ConfigurationError(
            f"{api_url} lets anybody read its keys: set PREFECT_SERVER_API_AUTH_STRING on the server and "
            f"PREFECT_API_AUTH_STRING here, or unset the keys of {', '.join(secrets)} here. Nothing was stored."
        )
    async with get_client() as client:
        lines = [await _register(block, client) for block in (*CREDENTIALS.values(), ClipStore, ContentCredentials)]
        lines += [await _store(credentials, client) for credentials in found.values()]
        lines += await _clip_store(client)
        lines += [await _work_pool(client)]
        lines += await _limits(client)
        block, line = await notification_block(client)
        automations = (DEAD_RUNS, RUN_AGAIN, *notifications(block))
        lines += [line, *[await _automation(automation, client) for automation in automations]]
    return lines


def _credentials_in_environment() -> dict[str, VendorCredentials]:
    return {
        vendor: block.from_environment()
        for vendor, block in CREDENTIALS.items()
        if os.environ.get(f"{vendor.upper()}_API_KEY", "").strip()
    }


def _is_loopback(api_url: str) -> bool:
    host = urlsplit(api_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _asks_for_authentication(api_url: str) -> bool:
    """Whether the server refuses whoever brings no credentials; asked of the server, not of our own settings."""
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{api_url}/block_documents/filter", json={})
    return reply.status_code in (401, 403)


async def _register(block: type[VendorCredentials | ClipStore | ContentCredentials], client: PrefectClient) -> str:
    await block.aregister_type_and_schema(client=client)
    return f"block type {block.get_block_type_slug()}: registered"


async def _store(credentials: VendorCredentials, client: PrefectClient) -> str:
    address = f"{credentials.get_block_type_slug()}/default"
    if await _is_stored(credentials.get_block_type_slug(), client):
        return f"block document {address}: left as it is"
    await credentials.asave("default", client=client)
    return f"block document {address}: made from the environment"


async def _clip_store(client: PrefectClient) -> list[str]:
    root = os.environ.get("LONGTAKE_CLIP_STORE")
    if not root:
        return []
    if await _is_stored(ClipStore.get_block_type_slug(), client):
        return ["block document clip-store/default: left as it is"]
    store = ClipStore(root=root, public_endpoint_url=os.environ.get("LONGTAKE_PUBLIC_ENDPOINT_URL"))
    await store.asave("default", client=client)
    return ["block document clip-store/default: made from the environment"]


async def _is_stored(slug: str, client: PrefectClient) -> bool:
    try:
        await client.read_block_document_by_name("default", slug, include_secrets=False)
    except ObjectNotFound:
        return False
    return True


async def _work_pool(client: PrefectClient) -> str:
    try:
        await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
    except ObjectAlreadyExists:
        return f"work pool {WORK_POOL}: left as it is"
    return f"work pool {WORK_POOL}: made"


async def _limits(client: PrefectClient) -> list[str]:
    """One limit for every credentials document on the server, from the environment or by hand."""
    lines: list[str] = []
    for vendor, block in CREDENTIALS.items():
        documents = await client.read_block_documents_by_type(block.get_block_type_slug(), include_secrets=False)
        for document in documents:
            name = limit_name(f"{vendor}/{document.name}")
            allowed = int(document.data.get("max_jobs_in_flight", block.model_fields["max_jobs_in_flight"].default))
            wanted = GlobalConcurrencyLimitCreate(name=name, limit=allowed, active=True, slot_decay_per_second=0.0)
            try:
                await client.create_global_concurrency_limit(wanted)
            except ObjectAlreadyExists:
                lines.append(f"concurrency limit {name}: left as it is")
            else:
                lines.append(f"concurrency limit {name}: made, {allowed} jobs in flight")
    return lines


async def _automation(automation: AutomationCore, client: PrefectClient) -> str:
    if await client.read_automations_by_name(automation.name):
        return f"automation {automation.name!r}: left as it is"
    await client.create_automation(automation)
    return f"automation {automation.name!r}: made{'' if automation.enabled else ', switched off'}"


def _to(state: StateType, name: str, message: str, *, force: bool = False) -> list[ActionTypesOrUnknown]:
    return [ChangeFlowRunState(state=state, name=name, message=message, force=force)]


# Prefect does not notice by itself that the process of a run is gone: the run would stay Running for ever.
DEAD_RUNS = AutomationCore(
    name="Longtake: a run whose process died is Crashed",
    description="A run that sent heartbeats, and then neither a heartbeat nor an ending, has lost its process.",
    tags=["longtake"],
    trigger=EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=_OURS,
        for_each={"prefect.resource.id"},
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.heartbeat", *ENDINGS},
        posture=Posture.Proactive,
        threshold=1,
        within=DEAD_AFTER,
    ),
    actions=_to(StateType.CRASHED, "Crashed", "The process of this run sends no heartbeats. Retry goes on."),
)

# Off, because a crash may have a cause that repeats. It costs nothing twice: the ledger knows what was bought.
RUN_AGAIN = AutomationCore(
    name="Longtake: a Crashed run is run again",
    description="Sets a Crashed run back to Scheduled, as Retry does. Switch it on to have crashes repaired at once.",
    tags=["longtake"],
    enabled=False,
    trigger=EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=_OURS,
        for_each={"prefect.resource.id"},
        expect={"prefect.flow-run.Crashed"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    ),
    actions=_to(StateType.SCHEDULED, "AwaitingRetry", "Run again after a crash.", force=True),
)
