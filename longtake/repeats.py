"""The vendors' rules over many requests: of those that are alike but for their prompt, one is checked in full."""

from __future__ import annotations

from collections.abc import Hashable
from operator import attrgetter

from longtake.limits import Violation, check_prompt_length
from longtake.request import ShotRequest
from longtake.vendors import Adapter, Model

LONG_PROMPT_CHARACTERS = 100_000
"""Above it a prompt counts into the size of the whole body."""
_options = attrgetter(*(name for name in ShotRequest.model_fields if name not in ("prompt", "model", "references")))


class RepeatedChecks:
    """Remembers which make-ups of a request have no violation; those with one are checked each for itself."""

    def __init__(self) -> None:
        self._clean: set[Hashable] = set()

    def violations(self, request: ShotRequest, adapter: Adapter, model: Model) -> list[Violation]:
        """What `adapter.violations` finds."""
        # Plain http is judged by its host, inline data by its head and its length: each for itself.
        alike = len(request.prompt) <= LONG_PROMPT_CHARACTERS and all(
            reference.scheme in ("https", "asset") for reference in request.references
        )
        if not alike:
            return adapter.violations(request)
        references = tuple((reference.role, reference.scheme, reference.facts) for reference in request.references)
        make_up = (adapter.name, model.wire, _options(request), references)
        if make_up in self._clean:
            return list(check_prompt_length(request, model.limits))
        found = adapter.violations(request)
        if not found:
            self._clean.add(make_up)
        return found
