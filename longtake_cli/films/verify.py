"""`longtake verify FILE…`: what films claim of how they were made, and whether that holds; asks no address."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longtake.media.labelling.claims import Claim, FileClaims

HOLDS, HOLDS_NOT, UNREADABLE = 0, 1, 2
DEADLINE_SECONDS = 600.0
"""A file is another's: what it does to its reader ends by then."""


def add_verify_command(commands: Any, run: Callable[[argparse.Namespace], int]) -> None:
    """Adds the command to the command line."""
    verify = commands.add_parser(
        "verify",
        help="what films claim of how they were made (C2PA, AIGC), and whether it holds",
        description="What films claim of how they were made (C2PA, AIGC), and whether it holds. Whether the clips of "
        "an output are still what was downloaded, `longtake render --verify` tells.",
        epilog="Ends with 0 where every file has a C2PA manifest that holds, 1 where one has none or it does not, "
        "2 where a file cannot be read, or its manifest not checked for want of C2PA's library.",
    )
    verify.add_argument("files", nargs="+", metavar="FILE", help="MP4 files; local or s3://")
    verify.add_argument(
        "--trust", metavar="PEM", help="file with certificates of the authorities to trust: then Trusted, else Valid"
    )
    verify.add_argument("--json", action="store_true", help="tell it as JSON, one object a file")
    verify.set_defaults(command=run)


def verify_files(chosen: argparse.Namespace, show: Callable[[str], None]) -> int:
    """Tells of every file; returns the exit code.

    Raises:
        ConfigurationError: The file of authorities cannot be read.
    """
    return asyncio.run(_verify(chosen.files, _anchors(chosen.trust), show, as_json=chosen.json))


def _anchors(file: str | None) -> str:
    if file is None:
        return ""
    from longtake.domain.errors import ConfigurationError  # noqa: PLC0415
    from longtake.media.labelling.identity import certificates_in  # noqa: PLC0415

    try:
        text = Path(file).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--trust {file}: it cannot be read: {error}") from None
    try:
        certificates_in(text)  # the library passes over what it cannot read, and says nothing
    except ValueError:
        words = "holds no certificate in PEM (-----BEGIN CERTIFICATE-----), or one that cannot be read"
        raise ConfigurationError(f"--trust {file}: it {words}") from None
    return text


async def _verify(files: Sequence[str], anchors: str, show: Callable[[str], None], *, as_json: bool) -> int:
    codes: set[int] = set()
    for file in files:
        claims = await _claims(file, anchors)
        codes.add(_code(claims))
        if not as_json:
            show("\n".join(_lines(file, claims)))
        elif isinstance(claims, str):
            show(json.dumps({"file": file, "error": claims}))
        else:
            show(json.dumps({"file": file, "holds": claims.holds, **claims.model_dump(mode="json")}))
    return max(codes)


def _code(claims: FileClaims | str) -> int:
    if isinstance(claims, str) or (claims.marks.c2pa is not None and not claims.is_checked):
        return UNREADABLE
    return HOLDS if claims.holds else HOLDS_NOT


async def _claims(file: str, anchors: str) -> FileClaims | str:
    """What a file claims, or why it cannot be read."""
    from longtake.domain.addresses import is_s3  # noqa: PLC0415
    from longtake.domain.errors import LongtakeError  # noqa: PLC0415
    from longtake.files.local.process_folder import scratch_folder  # noqa: PLC0415
    from longtake.files.sources import copy_source  # noqa: PLC0415
    from longtake.media.labelling.claims import read_claims  # noqa: PLC0415
    from longtake.media.workers import in_child  # noqa: PLC0415

    try:
        with scratch_folder() as folder:
            path = Path(file)
            if is_s3(file):
                path = folder / "film.mp4"
                try:
                    await asyncio.to_thread(copy_source, file, path)
                except Exception as error:  # the S3 libraries raise errors of many families
                    return f"{type(error).__name__}: {error}"
            return await in_child(read_claims, path.absolute(), anchors, deadline_seconds=DEADLINE_SECONDS)
    except (LongtakeError, OSError) as error:
        return str(error)


def _lines(file: str, claims: FileClaims | str) -> Iterator[str]:
    from longtake.domain.text import one_line  # noqa: PLC0415

    if isinstance(claims, str):
        yield f"{file}: cannot be read: {claims}"
        return
    claim = claims.claim
    if claim is not None:
        yield f"{file}: {'holds' if claim.holds else 'does NOT hold'} ({claim.state}): {_signed(claim)}"
        yield from (f"  {why}" for why in claim.failures)
        yield f"  made: {', '.join(claim.actions)}; {', '.join(claim.source_types) or 'no digital source type'}"
        for each in claim.ingredients:
            own = f"its own manifest {each.manifest}" if each.manifest else "no manifest of its own"
            why = f", which does not hold: {'; '.join(each.failures)}" if each.failures else ""
            yield f"  of {each.title} ({each.relationship}): {own}{why}"
    elif claims.marks.c2pa is not None and not claims.is_checked:
        yield f"{file}: has a C2PA manifest, which cannot be checked: {claims.unread}"
    elif claims.unread:
        yield f"{file}: does NOT hold: its C2PA manifest cannot be read: {claims.unread}"
    else:
        yield f"{file}: has no C2PA manifest"
    for fields in claims.marks.aigc:
        yield f"  AIGC: {', '.join(one_line(f'{name} {value}') for name, value in fields.items() if value)}"
    yield from (f"  also says: {other}" for other in claims.marks.other)
    yield from (f"  could not be read: {words}" for words in claims.marks.unread)


def _signed(claim: Claim) -> str:
    who = ", ".join(dict.fromkeys(part for part in (claim.signer, claim.issuer) if part)) or "nobody that is named"
    when = f"time-stamped {claim.time}" if claim.time else "without a time stamp"
    return f"signed by {who}, {claim.algorithm or 'no algorithm'}, {when}, written by {claim.generator or 'unknown'}"
