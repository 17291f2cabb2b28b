"""File names for reels and shots: injective, safe in any folder, also where the file system folds case."""

from __future__ import annotations

import hashlib
import re
import unicodedata

MAX_BYTES = 120
# No dots: `1` with the ending `.take-2.mp4` would meet the shot called `1.take-2`.
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]*")
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


def file_name(name: str) -> str:
    """A file or folder name for any text, different for different texts.

    Plain lower-case names stay as they are; any other gets a readable slug and a hash of the exact text, so that names
    that differ in case, normalisation, slashes or emoji never meet. There is no dot in it, so an ending may be added.
    """
    if _PLAIN.fullmatch(name) and not _RESERVED.fullmatch(name) and len(name) <= MAX_BYTES:
        return name
    folded = unicodedata.normalize("NFKC", name).casefold()
    slug = re.sub(r"[^\w-]+", "-", folded).strip("-_")
    slug = slug.encode()[: MAX_BYTES // 2].decode(errors="ignore") or "name"
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{slug}~{digest}"
