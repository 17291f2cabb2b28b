"""A prompt that names a reference which is not there is found; one that merely counts is left alone."""

from __future__ import annotations

import pytest

from longtake.domain.errors import ConfigurationError
from longtake.domain.request import Reference, Role, ShotRequest
from longtake.planning.prompts import EXTEND, check_prompt, extension_prompt, extension_template


def request(prompt, images=0, videos=0, audios=0, first_frame=False):
    roles = [Role.FIRST_FRAME] * first_frame + [Role.REFERENCE_IMAGE] * images
    roles += [Role.REFERENCE_VIDEO] * videos + [Role.REFERENCE_AUDIO] * audios
    references = tuple(Reference(role=role, source=f"https://h/{n}") for n, role in enumerate(roles))
    return ShotRequest(prompt=prompt, references=references)


def refusals(prompt, **given):
    return [found.value for found in check_prompt(request(prompt, **given), "evolink") if not found.warning]


MISSING = [
    "全程使用视频2的第一视角构图",
    "首帧为图片3",
    "音频1作为背景音乐",
    "参考图3的色调",
    "视频 2 中的窗户打开",
    "视频２的运镜",
    "The cat of @Image3 walks",
    "use @video2 as it is",
    "@audio1 in the back",
    "[Image 3] in the rain",
    "as in <video_2>",
    "@image_3.",
    "put image3 on the wall",
    "like Image 3",
    "like image #3, but red",
    "the man from video 2 opens the door",
    "Extend video 2 forward",
    "the music of audio 1 and nothing else",
    "IMAGE 3: the hero",
    "(image 3)",
    "mix images 1 and 3",
    "picture 3 as first frame",
    "keep image 0",
]
FINE = [
    "a video 2024 would be proud of",
    "an image 3d artists love",
    "video 2x faster",
    "an image 4:3 in ratio",
    "video 1/2 speed",
    "video 2.5 s long",
    "in each video 2 dogs run",
    "a video 2 seconds long",
    "per image 3 people",
    "a picture 9 years old",
    "video 2-second loop",
    "mp3 audio, 4k video, 3 images of a cat",
    "myvideo2 and web-video2",
    "image3d and video2024",
    "地图3号路线",
    "一张截图2份",
    "视频2秒后变黑",
    "视频3倍速播放",
    "图片3张",
    "视频2024年版",
    "视频一开始就很安静",
    "每个视频16:9",
    "video 100% real",
    "no references at all",
    "email image2@host",
]


@pytest.mark.parametrize("prompt", MISSING)
def test_a_reference_that_is_not_there_is_refused(prompt):
    assert refusals(prompt, images=2, videos=1)


@pytest.mark.parametrize("prompt", MISSING)
def test_the_same_words_are_fine_where_it_is_there(prompt):
    if "0" not in prompt:
        assert check_prompt(request(prompt, images=3, videos=2, audios=1), "evolink") == []


@pytest.mark.parametrize("prompt", FINE)
def test_numbers_that_count_something_else_are_left_alone(prompt):
    assert refusals(prompt) == []


def test_words_that_may_mean_a_reference_are_a_warning():
    (found,) = check_prompt(request("the video 3 showing a cat", videos=1), "evolink")
    assert found.warning


def test_the_violation_names_the_words_the_count_and_the_way_out():
    (found,) = check_prompt(request("@Image3 and again @image3", images=1), "JimmyAI")
    assert found.value == "@Image3"
    assert found.rule == "the prompt speaks of '@Image3', but 1 image is given to JimmyAI"
    assert found.fix == "give image 3, or name one that is there"


def test_first_and_last_frames_count_as_images():
    assert refusals("from image 1 to image 2", first_frame=True) == ["image 2"]


def test_an_extension_gets_its_wording_in_the_prompts_language():
    assert extension_prompt(EXTEND, "She turns.") == "Extend video 1: She turns."
    assert extension_prompt(EXTEND, "她转身。") == "向后延长视频1：她转身。"


@pytest.mark.parametrize("prompt", ["Extend video 1: she turns", "向后延长视频1：她转身", "@Video1 goes on"])
def test_a_prompt_that_speaks_of_the_clip_is_left_as_it_is(prompt):
    assert extension_prompt(EXTEND, prompt) == prompt


def test_the_template_can_be_set_or_switched_off():
    assert extension_template(None) is EXTEND
    assert extension_prompt(extension_template("off"), "p") == "p"
    own = extension_template("Go on from video {index}. {prompt}")
    assert extension_prompt(own, "{index} {prompt} {x}") == "Go on from video 1. {index} {prompt} {x}"
    assert own.label.startswith("custom@")
    assert own.label != extension_template("Other {prompt}").label


@pytest.mark.parametrize(
    "written", ["no place for it", "{prompt} of {column}", "{prompt} {", "}{prompt}", "{{prompt}}"]
)
def test_a_template_without_a_place_for_the_prompt_or_with_other_braces_is_refused(written):
    with pytest.raises(ConfigurationError, match="such as: Extend video"):
        extension_template(written)


def test_the_extension_wording_names_a_reference_that_is_there():
    prompt = extension_prompt(EXTEND, "She turns.")
    assert refusals(prompt) == ["video 1"]
    assert refusals(prompt, videos=1) == []
