"""Films in a real browser: they play through every seam, seek anywhere, and sound as long as they look."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from tests.media.film_reading import code_of
from tests.media.nasty_clips import BY_NAME, FRAMES

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
LOOK = """async ({film, times}) => {
  const video = document.createElement('video');
  video.muted = true;
  const failed = new Promise((_, no) => video.onerror = () => no(new Error(video.error.message)));
  const once = name => Promise.race([failed, new Promise(yes => video.addEventListener(name, yes, {once: true}))]);
  const bytes = Uint8Array.from(atob(film), letter => letter.charCodeAt(0));
  let ready = once('loadeddata');
  video.src = URL.createObjectURL(new Blob([bytes], {type: 'video/mp4'}));
  await ready;
  const canvas = Object.assign(document.createElement('canvas'), {width: video.videoWidth, height: video.videoHeight});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const looks = [];
  for (const time of times) {
    ready = once('seeked');
    // "seeked" may come before the picture does; no picture comes where the same one stays.
    const shown = Promise.race([
      new Promise(yes => video.requestVideoFrameCallback(yes)), new Promise(yes => setTimeout(yes, 500))]);
    video.currentTime = time;
    await ready;
    await shown;
    context.drawImage(video, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const greens = Array.from({length: pixels.length / 4}, (_, i) => String.fromCharCode(pixels[4 * i + 1]));
    looks.push(btoa(greens.join('')));
  }
  ready = once('seeked');
  video.currentTime = 0;
  await ready;
  const ended = once('ended');
  video.playbackRate = 4;
  await video.play();
  await ended;
  const sound = await new OfflineAudioContext(2, 48000, 48000).decodeAudioData(bytes.buffer);
  return {looks, width: canvas.width, seconds: video.duration, played: video.currentTime, sound: sound.duration};
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """An empty page."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize(
    "names",
    [
        ("plain", "other_crf", "plain"),
        ("plain", "no_b_frames", "b_frames", "silent"),
        ("other_size", "fps_25", "other_size", "turned"),
        ("many_keyframes", "hevc", "ten_bit", "plain"),
    ],
)
def test_a_mixed_film_plays_through_its_seams(
    page: Any, nasty: dict[str, Path], tmp_path: Path, names: tuple[str, ...]
) -> None:
    receipt = stitch_clips([nasty[name] for name in names], tmp_path / "film.mp4", StitchOptions())
    wanted = [0, 1, 12, FRAMES - 1, FRAMES, FRAMES + 1, FRAMES + 12, 2 * FRAMES - 1, 2 * FRAMES, 3 * FRAMES - 1]
    film = base64.b64encode((tmp_path / "film.mp4").read_bytes()).decode()
    seen = page.evaluate(LOOK, {"film": film, "times": [(frame + 0.5) / 24 for frame in wanted]})
    for frame, look in zip(wanted, seen["looks"], strict=True):
        number, own = divmod(frame, FRAMES)
        recipe = BY_NAME[names[number]]
        green = np.frombuffer(base64.b64decode(look), np.uint8).reshape(-1, seen["width"])
        code = code_of(green, recipe)
        assert code is not None
        assert code.job == recipe.job
        assert code.frame == own or recipe.fps != 24
    assert seen["seconds"] == pytest.approx(receipt.picture_seconds, abs=0.001)
    assert seen["played"] == pytest.approx(receipt.picture_seconds, abs=0.05)
    assert seen["sound"] == pytest.approx(receipt.picture_seconds, abs=0.001)
