"""What `GET /_sandbox` tells: the sandbox's own routes, its settings as they stand, and the faults of each step."""

from __future__ import annotations

import json

from longtake.sandbox.faults import KINDS, Fault
from longtake.sandbox.settings import SandboxSettings

ROUTES = {
    "GET /_sandbox/bill": "what was accepted, and what it cost at fictitious prices",
    "GET /_sandbox/prices": "the fictitious prices",
    "GET, POST /_sandbox/settings": "settings; a posted JSON object changes them for new jobs",
    "GET, POST, DELETE /_sandbox/faults": "faults in force; a posted JSON object or list adds some, DELETE clears them",
    "GET /_sandbox/state": "jobs in flight by vendor",
    "GET /_sandbox/jobs/JOB_ID": "a job",
    "GET /_sandbox/events?after=N&wait=SECONDS": "what happened since",
}
_EXAMPLE = {"kind": "failed", "step": "look", "prompt": "a blue kettle", "retryable": False}


def manual(url: str, settings: SandboxSettings) -> str:
    """All of it, as text for a terminal or a browser.

    Args:
        url: Where the sandbox listens.
        settings: As they stand.
    """
    lines = ["Longtake's sandbox: all vendors on loopback. Nothing here costs anything.", "", "Routes"]
    width = max(map(len, ROUTES))
    lines += [f"  {route:<{width}}  {words}" for route, words in ROUTES.items()]
    lines += ["", "Settings, as they stand"]
    lines += [f"  {name} = {json.dumps(value)}" for name, value in settings.model_dump().items()]
    lines += ["", _arguments(SandboxSettings), "", "Faults, by the call that suffers them"]
    lines += [f"  {step}: {', '.join(sorted(kinds))}" for step, kinds in KINDS.items()]
    lines += ["", _arguments(Fault), "", "For example"]
    body = json.dumps(_EXAMPLE)
    lines.append(f"  curl -X POST {url}/_sandbox/faults -H 'content-type: application/json' -d '{body}'")
    return "\n".join(lines) + "\n"


def _arguments(model: type[SandboxSettings | Fault]) -> str:
    """What each field means, as its class tells it."""
    lines = (model.__doc__ or "").partition("Args:\n")[2].rstrip().splitlines()
    return "\n".join(line.removeprefix("      ") for line in lines)
