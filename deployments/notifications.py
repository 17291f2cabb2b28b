"""Automations that tell people of a run: made switched off, all through one webhook that is set in one place.

`LONGTAKE_NOTIFY_URL` is an address that takes `{"text": …}`, as incoming webhooks of Slack, Mattermost and Google Chat
do. Without it the block holds a placeholder to be replaced in the UI; any other notification block will do as well.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import PrefectClient
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.types import SecretDict

from flows._observe.events import ACCOUNT_REFUSED, BUDGET_REACHED, LINKS_DYING, SHOT_AWAITING_REVIEW

NOTIFY_URL = "LONGTAKE_NOTIFY_URL"
DOCUMENT = "longtake-notify"
PLACEHOLDER = "https://put-the-address-of-your-webhook-here.invalid"
QUIET = timedelta(hours=1)
"""The same trouble of the same output or account is told once in this time."""
_RENDERS = ["render-manifest", "render-reel"]


async def notification_block(client: PrefectClient) -> tuple[UUID, str]:
    """The block that notifications go through, and a line on what was done.

    An address of the environment replaces the placeholder, and nothing else.
    """
    slug = CustomWebhookNotificationBlock.get_block_type_slug()
    address, name = os.environ.get(NOTIFY_URL, "").strip(), f"block document {slug}/{DOCUMENT}"
    try:
        there = await client.read_block_document_by_name(DOCUMENT, slug, include_secrets=False)
    except ObjectNotFound:
        there = None
    if there is not None and not (address and there.data.get("url") == PLACEHOLDER):
        return there.id, f"{name}: left as it is"
    block = CustomWebhookNotificationBlock(
        name="Longtake",
        # The address of a webhook is a key: whoever has it can write there.
        url="{{address}}" if address else PLACEHOLDER,
        secrets=SecretDict({"address": address} if address else {}),
        json_data={"text": "{{subject}}\n{{body}}"},
        headers=None,
        cookies=None,
    )
    made = await block.asave(DOCUMENT, overwrite=True, client=client)
    source = "made from the environment" if address else f"made; set its address there, or {NOTIFY_URL} here"
    return made, f"{name}: {source}"


def notifications(block: UUID) -> Sequence[AutomationCore]:
    """The automations, all switched off."""
    run = "{{ flow_run.name }}: {{ flow_run.state.message }}\n{{ (flow_run|ui_url) or 'flow run ' ~ flow_run.id }}"
    failed = EventTrigger(
        # A share's parent speaks for it.
        match=ResourceSpecification(
            {"prefect.resource.id": "prefect.flow-run.*", "prefect.resource.name": "!* share *"}
        ),
        match_related=ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": list(_RENDERS)}),
        for_each={"prefect.resource.id"},
        expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )
    return (
        _notification(block, "rows failed", "A render run ended with rows that are not done.", failed, run),
        _told(block, "budget reached", "A run holds what its budget does not cover.", BUDGET_REACHED),
        _told(block, "an account refuses", "A vendor refuses the key, the balance or the model.", ACCOUNT_REFUSED),
        _told(block, "links are dying", "Paid clips are not here, and their links die soon.", LINKS_DYING),
        # All shots of an output that wait are one message.
        _told(block, "shots await review", "A person has to choose.", SHOT_AWAITING_REVIEW, once_for="longtake.output"),
    )


def _told(
    block: UUID, name: str, description: str, event: str, once_for: str = "prefect.resource.id"
) -> AutomationCore:
    trigger = EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": "longtake.*"}),
        for_each={once_for},
        expect={event},
        posture=Posture.Reactive,
        threshold=1,
        within=QUIET,
    )
    return _notification(block, name, description, trigger, "{{ event.payload.words }}")


def _notification(block: UUID, name: str, description: str, trigger: EventTrigger, body: str) -> AutomationCore:
    return AutomationCore(
        name=f"Longtake: tell when {name}",
        description=f"{description} Switch it on to be told through the block {DOCUMENT}.",
        tags=["longtake"],
        enabled=False,
        trigger=trigger,
        actions=[SendNotification(block_document_id=block, subject=f"Longtake: {name}", body=body)],
    )
