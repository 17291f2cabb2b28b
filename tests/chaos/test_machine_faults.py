"""Faults of our own machine: bought once, nothing lost, the fault named, and what was fetched is not fetched again."""

from __future__ import annotations

import csv
import errno
import functools
import hashlib
import os
import sys
from pathlib import Path

import pytest

from longtake.files.directory import DirectoryStore
from longtake.files.web import fetch as download
from longtake.jobs import resources
from longtake.media import workers as child
from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.plain_render import render_plain, sandbox_accounts

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/the/disk")


def decoders_that(code):
    return lambda monkeypatch: monkeypatch.setattr(child, "_BEGIN", code)


def no_executable(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")


def memory_of(size_bytes):
    return lambda monkeypatch: monkeypatch.setattr(
        resources, "WorkerPool", functools.partial(child.WorkerPool, memory_bytes=size_bytes)
    )


def refused(number, *, method, ending):
    """Lets the store refuse what ends so, with an error of the system."""

    def plan(monkeypatch):
        real = getattr(DirectoryStore, method)

        def call(self, *about):
            if any(str(one).endswith(ending) and "/ledger/" in f"/{one}" for one in about):
                raise OSError(number, os.strerror(number), f"/the/disk/{ending}")
            return real(self, *about)

        monkeypatch.setattr(DirectoryStore, method, call)

    return plan


def full_part(monkeypatch):
    real = download._open_at

    def on_a_full_disk(part, offset):
        real(part, offset).close()
        return Path("/dev/full").open("wb")

    monkeypatch.setattr(download, "_open_at", on_a_full_disk)


def no_part(monkeypatch):
    real = os.open

    def call(path, *about, **more):
        if str(path).endswith("clip.mp4.part"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return real(path, *about, **more)

    monkeypatch.setattr(os, "open", call)


BEFORE, BOUGHT, FETCHED = "before it is bought", "bought, not fetched", "fetched"
"""How far a shot gets under a fault."""

CELLS = {
    "decoder killed": (decoders_that("import os; os.kill(os.getpid(), 9)"), FETCHED, "killed by SIGKILL"),
    "decoder terminated": (decoders_that("import os; os.kill(os.getpid(), 15)"), FETCHED, "SIGTERM"),
    "decoder crashes": (decoders_that("import os; os.kill(os.getpid(), 11)"), FETCHED, "SIGSEGV"),
    "decoder ends": (decoders_that("raise SystemExit(3)"), FETCHED, "code 3"),
    "decoder's import fails": (decoders_that("import no_such_library"), FETCHED, "no_such_library"),
    "decoder cannot be started": (no_executable, FETCHED, "No such file"),
    "no memory at all": (memory_of(2**26), FETCHED, ""),
    "memory for half of the libraries": (memory_of(2**27), FETCHED, ""),
    "memory for the libraries only": (memory_of(2**28), FETCHED, ""),
    "disk full at the intent": (refused(errno.ENOSPC, method="create", ending="intent.json"), BEFORE, "No space"),
    "disk full at the end's record": (
        refused(errno.ENOSPC, method="create", ending="terminal.json"),
        BOUGHT,
        "No space",
    ),
    "disk full at the part": (full_part, BOUGHT, "No space"),
    "no files left at the part": (no_part, BOUGHT, "Too many open files"),
    "disk full at the clip": (refused(errno.ENOSPC, method="publish", ending="clip.mp4"), FETCHED, "No space"),
    "quota used up at the clip": (refused(errno.EDQUOT, method="publish", ending="clip.mp4"), FETCHED, "quota"),
    "read-only at the clip": (refused(errno.EROFS, method="publish", ending="clip.mp4"), FETCHED, "Read-only"),
    "no right at the clip": (refused(errno.EACCES, method="publish", ending="clip.mp4"), FETCHED, "denied"),
    "disk full at the clip's record": (refused(errno.ENOSPC, method="create", ending="clip.json"), FETCHED, "No space"),
}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(SandboxSettings(job_seconds=0.1, jobs_per_key=None, media="stub")) as one:
        yield one


@pytest.mark.parametrize("cell", CELLS)
async def test_a_fault_of_our_machine_is_never_booked_on_the_clip(sandbox, tmp_path, monkeypatch, cell):
    fault, reach, words = CELLS[cell]
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with (tmp_path / "m.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "prompt", "vendor"], ["s", f"a ball, {cell}", "evolink"]])
    fetched = []
    sandbox.on_event(lambda event: fetched.append(event) if event.name == "media_started" else None)
    load, before = sandbox_accounts(sandbox), sandbox.bill.count()
    with monkeypatch.context() as patch:
        fault(patch)
        end = await render_plain(tmp_path / "m.csv", tmp_path / "out", load)
    row = end.rows[0]
    assert row.verdict.value == ("not_started" if reach == BEFORE else "still_running")
    assert "our machine: " in row.error
    assert words in row.error
    assert "`take`" not in (row.next_action or "")
    assert sandbox.bill.count() - before == (reach != BEFORE)
    first = len(fetched)
    assert first == (reach == FETCHED) or cell == "disk full at the part"
    again = await render_plain(tmp_path / "m.csv", tmp_path / "out", load)
    assert again.verdicts == {"done": 1}
    assert sandbox.bill.count() - before == 1
    assert len(fetched) - first == (reach != FETCHED)
    (clip,) = (tmp_path / "out/ledger").glob("*/clip.mp4")
    assert hashlib.sha256(clip.read_bytes()).hexdigest() == again.rows[0].sha256
    assert not list((tmp_path / "out").rglob("*.part*"))
