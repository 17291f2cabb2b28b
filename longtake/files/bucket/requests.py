"""What is asked of one prefix of a bucket: one request for each verb, none of them a question that another answers.

s3fs signs, repeats and translates errors; its own `cat`, `find`, `info` and `copy` ask twice.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from fsspec.asyn import sync

from longtake.files.store import Seen

AT_ONCE = 32
"""Requests of one bulk read under way."""
READ_TRIES = 5
"""So often a body that breaks off is read on from where it broke."""
CHUNK_BYTES = 1 << 20
LARGEST_PUT_BYTES = 64 << 20
"""What is larger goes up in parts."""
_MEDIA_TYPES = mimetypes.MimeTypes()
_MEDIA_TYPES.add_type("image/webp", ".webp")  # unknown to Python before 3.13


def seen_as(size_bytes: int, etag: str) -> Seen:
    """What a list, a look or the answer to a write tells of an object."""
    return Seen(size_bytes, f"{size_bytes} {etag}")


class Bucket:
    """The objects below `root`, `bucket[/prefix]`, by their keys there."""

    def __init__(self, files: Any, root: str) -> None:
        self.root = root
        self._files = files
        self._bucket, _, prefix = root.partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    def get(self, key: str) -> bytes:
        """The whole object.

        Raises:
            FileNotFoundError: There is none.
        """
        return cast("bytes", self._run(self._get, key))

    def get_many(self, keys: Iterable[str]) -> Mapping[str, bytes | Exception]:
        """Objects, or why each could not be read."""
        return cast("Mapping[str, bytes | Exception]", self._run(self._get_many, list(keys)))

    def chunks(self, key: str) -> Iterator[bytes]:
        """The object piece by piece, in one request unless it breaks off.

        Raises:
            FileNotFoundError: There is none.
        """
        place, etag, tries = 0, "", 0
        while True:
            wishes = {"Range": f"bytes={place}-", "IfMatch": etag} if place else {}
            answer = self._ask("get_object", key, **wishes)
            etag = answer["ETag"]
            try:
                while data := self._run(answer["Body"].read, CHUNK_BYTES):
                    place += len(data)
                    yield data
            except Exception:  # of many families: a connection that broke, a body that is too short
                tries += 1
                if tries >= READ_TRIES or not place:
                    raise
            else:
                return
            finally:
                answer["Body"].close()

    def head(self, key: str) -> Mapping[str, Any]:
        """What the store tells of an object.

        Raises:
            FileNotFoundError: There is none.
        """
        return self._ask("head_object", key)

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> Seen:
        """Writes an object; durable on return.

        Raises:
            OSError: Among others, that `only_new` was asked for and one stands there.
        """
        wishes = {"IfNoneMatch": "*"} if only_new else {}
        return seen_as(len(data), self._ask("put_object", key, Body=data, **_media_type(key), **wishes)["ETag"])

    def put_file(self, path: Path, key: str) -> Seen | None:
        """Writes a file; None where nothing is told of what now stands there."""
        if path.stat().st_size <= LARGEST_PUT_BYTES:
            return self.put(key, path.read_bytes())
        self._files.put_file(str(path), f"{self._bucket}/{self._prefix}{key}", **_media_type(key))
        return None

    def copy(self, source: str, key: str, *, only_new: bool = False) -> str:
        """Copies an object within the store; returns the copy's ETag.

        Raises:
            FileNotFoundError: There is no such object.
            OSError: Among others, that `only_new` was asked for and one stands there.
        """
        wishes = {"IfNoneMatch": "*"} if only_new else {}
        origin = {"Bucket": self._bucket, "Key": f"{self._prefix}{source}"}
        return str(self._ask("copy_object", key, CopySource=origin, **wishes)["CopyObjectResult"]["ETag"])

    def delete(self, key: str) -> None:
        """Removes an object if it is there."""
        self._ask("delete_object", key)

    def list(self, prefix: str) -> Iterator[tuple[str, Seen]]:
        """Every object below a folder, a thousand a request; "" is everything."""
        start = f"{prefix.strip('/')}/" if prefix else ""
        for page in self._pages(Prefix=f"{self._prefix}{start}"):
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):  # a console's stand-in for an empty folder
                    yield found["Key"][len(self._prefix) :], seen_as(int(found["Size"]), found["ETag"])

    def folders(self, prefix: str) -> Iterator[str]:
        """The folders directly below a folder."""
        start = f"{prefix.strip('/')}/" if prefix else ""
        for page in self._pages(Prefix=f"{self._prefix}{start}", Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                yield found["Prefix"][len(self._prefix) :].rstrip("/")

    def _pages(self, **wishes: str) -> Iterator[Mapping[str, Any]]:
        while True:
            page: Mapping[str, Any] = self._files.call_s3("list_objects_v2", Bucket=self._bucket, **wishes)
            yield page
            if not page.get("IsTruncated"):
                return
            wishes["ContinuationToken"] = page["NextContinuationToken"]

    def _run(self, work: Callable[..., Any], *given: Any) -> Any:
        return sync(self._files.loop, work, *given)

    def _ask(self, verb: str, key: str, **wishes: Any) -> Any:
        return self._files.call_s3(verb, Bucket=self._bucket, Key=f"{self._prefix}{key}", **wishes)

    async def _get(self, key: str) -> bytes:
        for tries in range(READ_TRIES):
            answer: Any = await self._files._call_s3("get_object", Bucket=self._bucket, Key=f"{self._prefix}{key}")
            try:
                return await answer["Body"].read()
            except Exception:  # as in `chunks`
                if tries + 1 == READ_TRIES:
                    raise
            finally:
                answer["Body"].close()
        raise AssertionError  # the last try returns or raises

    async def _get_many(self, keys: list[str]) -> dict[str, bytes | Exception]:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(key: str) -> bytes | Exception:
            async with room:
                try:
                    return await self._get(key)
                except Exception as error:  # each object's trouble is its own
                    return error

        return dict(zip(keys, await asyncio.gather(*map(one, keys)), strict=True))


def _media_type(key: str) -> dict[str, str]:
    told = _MEDIA_TYPES.guess_type(key)[0]
    return {"ContentType": told} if told else {}
