"""What a Prefect server needs before `prefect deploy --all`. May run again at any time: what is there is left alone.

`python -m deployments.bootstrap` makes block types, credentials documents from the environment, the work pool, the
concurrency limits, the automations for runs whose process died, and those that tell people, switched off.
"""

from __future__ import annotations

import asyncio
import sys

from deployments.local.server.join import require_configured
from deployments.server_contents import bootstrap
from longtake.domain.errors import LongtakeError


def main() -> int:
    """Prints what was done."""
    try:
        require_configured()
        lines = asyncio.run(bootstrap())
    except LongtakeError as error:
        print(f"bootstrap: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to people
        return 2
    print("\n".join(lines))  # noqa: T201 - a command speaks to people
    return 0


if __name__ == "__main__":
    sys.exit(main())
