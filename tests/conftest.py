"""How the suite is spread over processes: a file stays together, what takes long begins first."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from longtake.media import workers
from longtake.sandbox.clips import shelf
from tests import kept_clips
from tests.kept_decoders import KeptChild

FIRST = ("flows", "chaos", "docs", "contract", "e2e", "media")
"""Folders in the order of their turn; a process that begins a long file last keeps all others waiting."""
LONG_VALUE = 100


# What one process has compiled, the next hundreds need not compile again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long one example takes is the machine's affair; the gate has the same examples every time, `make slow` new ones.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("chance", deadline=None, print_blob=True)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr == "slow":
        settings.load_profile("chance")


for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    # A shell switches these off for what runs behind it, and our children would inherit that.
    if signal.getsignal(number) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(number, handler)


# Before xdist's own hook, which reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        shares_project = "deployed" in getattr(item, "fixturenames", ())
        group = "project" if shares_project else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
    turn = {name: place for place, name in enumerate(FIRST)}
    # The deployed project's tests are the longest group.
    items.sort(
        key=lambda item: (
            turn.get(item.path.parent.name, len(turn)),
            "deployed" not in getattr(item, "fixturenames", ()),
        )
    )


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A name that is the same in every process, and readable: long values may hold times and random parts."""
    return f"long {argname}" if isinstance(val, str | bytes) and len(val) > LONG_VALUE else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Takes xdist's group off a test's name, by which `--last-failed` would not find it again."""
    name, _, group = report.nodeid.rpartition("@")
    if name and "]" not in group and "PYTEST_XDIST_WORKER" not in os.environ:
        report.nodeid = name


@pytest.fixture(autouse=True)
def kept_decoders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding processes are started once a session; tests of these processes themselves start their own."""
    if request.path.parent.name != "media":
        monkeypatch.setattr(workers, "_Child", KeptChild)


@pytest.fixture(autouse=True, scope="session")
def _clips_are_kept(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[None]:
    """A clip of the sandbox is encoded once for all processes of these tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "kept-clips"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "render_clip", kept_clips.keeper(folder))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_disk_is_waited_for() -> Iterator[None]:
    """Whether bytes outlive a loss of power is seen by no test; each would only wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
