"""Films signed as made by AI: what an order says of it, and the step after the stitch. No key is in an order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from longtake.accounts.transport import redact
from longtake.domain.errors import ConfigurationError, MediaError
from longtake.domain.marks import AIGC_FIELDS, Marks, lost_marks
from longtake.media.labelling.identity import Signing, SigningIdentity
from longtake.media.labelling.signing import Ingredient, Signature, SignedIngredient, rehearse, sign_film
from longtake.media.reading.marks import read_marks
from longtake.media.stitching.receipt import StitchReceipt
from longtake.media.workers import WorkerPool, in_child
from longtake.rendering.output.seams import ReelPart
from longtake.rendering.shot_result import ShotResult

DEADLINE_SECONDS, SECONDS_PER_CLIP = 120.0, 10.0
LoadIdentity = Callable[[], Awaitable[SigningIdentity]]


class FilmLabel(BaseModel):
    """How a film is to be signed: by which certificate, for which producer, and the prompts that are told."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    content_producer: str = ""
    prompts: tuple[str, ...] = ()

    @classmethod
    def of(cls, signing: Signing | None, results: Sequence[ShotResult]) -> FilmLabel | None:
        """The label of a film of these shots; None where none is asked."""
        if signing is None:
            return None
        told = [result.shot.row.written.request.prompt for result in results] if signing.identity.include_prompt else []
        signer = signing.signer
        return cls(fingerprint=signer.fingerprint, content_producer=signer.content_producer, prompts=tuple(told))

    def marks(self, recipe: Mapping[str, Any]) -> Marks:
        """The producer's own `AIGC` fields for a film of this recipe; none where no producer is told."""
        if not self.content_producer:
            return Marks()
        number = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:32]
        told = {"Label": "1", "ContentProducer": self.content_producer, "ProduceID": number}
        return Marks(aigc=({name: told.get(name, "") for name in AIGC_FIELDS},))


async def ready_to_sign(load: LoadIdentity) -> Signing:
    """Loads who signs, and signs something small, before anything is bought.

    Raises:
        ConfigurationError: It cannot be done: no certificate, an unusable key, no library.
    """
    identity = await load()
    try:
        return Signing(identity, await in_child(rehearse, identity, deadline_seconds=DEADLINE_SECONDS))
    except (ConfigurationError, MediaError) as error:
        raise ConfigurationError(f"--label: {error}") from None


async def sign(
    film: Path,
    clips: Sequence[tuple[ReelPart, Path]],
    label: FilmLabel,
    identity: SigningIdentity | None,
    workers: WorkerPool,
    *,
    title: str,
) -> Signature:
    """Puts a signed film in the place of the film.

    Args:
        film: The finished film.
        clips: What it is made of, and where that lies on this machine.
        label: What is asked.
        identity: Who signs.
        workers: Where clips' own manifests are read.
        title: What the film is called.

    Raises:
        ConfigurationError: Nobody signs here, or somebody else.
        MachineError: It could not be signed; no purchase is touched by that.
    """
    if identity is None:
        raise ConfigurationError("the film is to be signed, and no certificate was loaded to sign it with")
    prompts = label.prompts or ("",) * len(clips)
    ingredients = [
        Ingredient(path=path, title=part.shot_id, prompt=prompt)
        for (part, path), prompt in zip(clips, prompts, strict=True)
    ]
    target = film.with_name(f".{film.name}.signed.part")
    deadline = DEADLINE_SECONDS + SECONDS_PER_CLIP * len(clips)
    try:
        signature = await workers.call(
            sign_film, film, target, ingredients, identity, title=title, deadline_seconds=deadline
        )
        if signature.fingerprint != label.fingerprint:
            raise ConfigurationError("the certificate that signs was changed since the run began; run again")
        target.replace(film)
    finally:
        target.unlink(missing_ok=True)
    return signature


def since_signed(made: StitchReceipt, film: Path, signature: Signature) -> StitchReceipt:
    """A stitch's receipt for the film as it is since it was signed; blocking."""
    marks = read_marks(film)
    clips = tuple(
        clip.model_copy(update={"marks_lost": with_lost(clip.marks, marks, ingredient)})
        for clip, ingredient in zip(made.clips, signature.ingredients, strict=False)
    )
    told = {"sha256": signature.sha256, "size_bytes": signature.size_bytes, "marks": marks}
    return made.model_copy(update={**told, "clips": (*clips, *made.clips[len(clips) :])})


def with_lost(clip: Marks, film: Marks, ingredient: SignedIngredient) -> tuple[str, ...]:
    """What of a clip's marks a signed film does not hold: a manifest that could not be taken in among them."""
    lost = lost_marks(clip, film)
    if clip.c2pa is not None and not ingredient.manifest:
        lost = (f"the C2PA manifest, which cannot be read ({'; '.join(ingredient.failures)})", *lost)
    return lost


def told_signature(signature: Signature, unwritten: str = "") -> dict[str, Any]:
    """A signature as a receipt has it; its clips' manifests are others' words. `unwritten`: why no AIGC was written."""
    told = signature.model_dump(mode="json", exclude={"ingredients", "sha256", "size_bytes"})
    ingredients = [
        {**each.model_dump(mode="json"), "failures": list(map(redact, each.failures))} for each in signature.ingredients
    ]
    return {**told, "ingredients": ingredients, **({"aigc_not_written": unwritten} if unwritten else {})}
