"""The report's data on disk: written and read reel by reel, whatever is in its texts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from longtake._speed import Packed
from longtake.files.open_store import open_store
from longtake.reports.run import retold
from longtake.reports.run.retold import read_view
from longtake.reports.run.rewrite import told_before, write_report
from longtake.reports.run.view import ReelView, ReportView, ShotView, Totals

TITLE = 'a "reels":[{"name":"x"}] é \\ "'


def view(reels: int) -> ReportView:
    shots = [
        ShotView(row=n, reel=f"r{n}", shot="1", shot_id=f"r{n}/1", verdict="done", prompt=f'{TITLE} ]}},{{"é{n}' * 50)
        for n in range(1, reels + 1)
    ]
    told = [ReelView(name=shot.reel, shots=[shot], receipt={"frames": [1, 2]}) for shot in shots]
    return ReportView(
        title=TITLE,
        output="out",
        written_at=1.0,
        finished=True,
        totals=Totals(done=reels, all=reels),
        reels=told,
        notices=[TITLE],
    )


def data_of(told: ReportView) -> bytes:
    return "".join(told.json_pieces()).encode()


class Watched(io.BytesIO):
    """Notes how much is read at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.most = max(self.most, len(data))
        return data

    read1 = read


@pytest.mark.parametrize("reels", [0, 1, 2, 300])
def test_what_is_read_reel_by_reel_is_what_was_written(reels: int) -> None:
    told = view(reels)
    read = read_view(io.BytesIO(data_of(told)))
    assert read is not None
    assert isinstance(read.reels, Packed)
    assert read.model_copy(update={"reels": list(read.reels)}) == told


def test_a_large_report_is_never_in_memory_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(view(600))
    assert len(data) > 1_000_000
    monkeypatch.setattr(retold, "_read_whole", None)
    file = Watched(data)
    read = read_view(file)
    assert read is not None
    assert len(read.reels) == 600
    assert file.most <= 1 << 17


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_torn_report_is_none(share: float) -> None:
    data = data_of(view(30))
    assert read_view(io.BytesIO(data[: int(share * len(data))])) is None


def test_a_report_laid_out_by_another_hand_is_read_all_the_same() -> None:
    told = view(3)
    told_again = json.loads(data_of(told))
    told_again["reels"][1]["mood"] = "of another release"
    read = read_view(io.BytesIO(json.dumps(told_again, indent=1).encode()))
    assert read == told


def test_a_report_is_written_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path / "out"))
    monkeypatch.setattr(type(store), "write", None)  # which takes all of it at once
    write_report(store, view(40))
    read = told_before(store)
    assert read is not None
    assert list(read.reels) == view(40).reels
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.json", "report.html"}
