"""A prompt that asks for a cut is a reason not to warn of one; what it forbids, and what is no cut, is none."""

from __future__ import annotations

import pytest

from longtake.domain.request import ShotRequest
from longtake.jobs.asked_cuts import asks_for_a_cut
from longtake.jobs.gate import expectation
from longtake.media.checking.policy import GatePolicy
from longtake.vendors import adapter_named

ASKS = [
    "A man opens the door. Cut to: an empty hall.",
    "the camera cuts back to her face",
    "Shot 1: a harbour at dawn. Shot 2: a gull in close-up.",
    "Shot one, wide: hills. Shot two, close: a hand.",
    "Scene 1 - rain. Scene 2 - sun.",
    "[0-2s] wide view of a lake. [2-5s] her eyes.",
    "0–3 s: a train; 3–6 s: the platform",
    "harbour [cut] gull [CUT] ship",
    "quick cuts of a city at night",
    "a montage of breakfasts around the world",
    "multi-shot trailer of a heist",
    "In the next shot she smiles.",
    "镜头1：海港的清晨。镜头2：海鸥特写。",
    "镜头一：雨；镜头二：太阳",
    "第一个镜头是山，第二个镜头是海",
    "镜头切换到她的脸",
    "画面切到空荡的大厅",
    "0-2秒：湖的全景。2-5秒：她的眼睛。",
    "转场：夜晚的城市",
]
DOES_NOT_ASK = [
    "A harbour at dawn, gulls, slow push in",
    "a woman with hair cut to the shoulder, cutting bread",
    "one continuous shot, no cuts, the camera follows her",
    "Do not cut to another scene. A single take of a lake.",
    "Never cuts away from the dog",
    "close-up shot of a hand, 5 s",
    "a paper cut to pieces by the wind",
    "a shot of espresso is poured",
    "镜头缓缓推进，海港的清晨",
    "一镜到底，不要切换镜头",
    "",
]


@pytest.mark.parametrize("prompt", ASKS)
def test_a_prompt_that_names_a_cut_or_several_shots_asks_for_one(prompt):
    assert asks_for_a_cut(prompt)


@pytest.mark.parametrize("prompt", DOES_NOT_ASK)
def test_what_a_prompt_forbids_or_only_sounds_alike_asks_for_none(prompt):
    assert not asks_for_a_cut(prompt)


@pytest.mark.parametrize(("prompt", "meaning"), [(ASKS[0], "off"), (DOES_NOT_ASK[0], "strict")])
def test_a_purchase_remembers_with_its_policy_whether_a_cut_was_asked_for(prompt, meaning):
    request = ShotRequest(prompt=prompt, model="seedance-2.0", duration_seconds=5)
    wanted = expectation(request, adapter_named("evolink").models[0].limits, GatePolicy(cuts="strict"))
    assert GatePolicy.model_validate(wanted.gate).cuts == meaning
