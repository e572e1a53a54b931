"""Echoes of machines: which are others, what is refused, what the manifest holds."""

import re
from dataclasses import replace
from typing import Any

import pytest

from batchcls.errors import RefusedError
from batchcls.results import echoes
from batchcls.results.echoes import Echo

WIDE = Echo(0, "Xeon (AVX-512)", {"CPU": "aa", "GPU": "11"}, {"CPU": "Xeon", "GPU": "Arc 1.0"})
NARROW = Echo(7, "Core (AVX2)", {"CPU": "bb", "GPU": "11"}, {"CPU": "Core", "GPU": "Arc 1.0"})


def settings(*entries: Echo) -> dict[str, Any]:
    return {echoes.KEY: [entry.as_dict() for entry in entries]}


def test_devices_are_compared_one_by_one() -> None:
    assert echoes.others(WIDE, NARROW) == ["CPU"]
    assert echoes.others(WIDE, replace(NARROW, devices={"GPU": "11"})) == []
    assert echoes.others(WIDE, replace(NARROW, devices={"NPU": "22"})) == []


def test_the_same_echo_on_another_processor_goes_on() -> None:
    echoes.require_same(WIDE, replace(NARROW, devices=WIDE.devices), "r.jsonl")


def test_another_processor_is_refused_with_both_and_the_ways_out() -> None:
    words = "this processor rounds differently. The run was begun on Xeon (AVX-512), and this is "
    with pytest.raises(RefusedError, match=re.escape(words + "Core (AVX2)")) as caught:
        echoes.require_same(WIDE, NARROW, "r.jsonl")
    assert "CPU: was aa, is bb" in str(caught.value)
    assert "GPU" not in str(caught.value)
    assert "--mixed-processors" in str(caught.value)


def test_another_driver_is_named() -> None:
    now = replace(WIDE, devices={"CPU": "aa", "GPU": "22"}, names={"CPU": "Xeon", "GPU": "Arc 2.0"})
    with pytest.raises(RefusedError, match=r"GPU was Arc 1\.0 and is Arc 2\.0"):
        echoes.require_same(WIDE, now, "r.jsonl")


def test_a_machine_that_is_accepted_is_one_more_entry_and_comes_back() -> None:
    found = echoes.joined(settings(WIDE), NARROW)
    assert echoes.recorded({echoes.KEY: found}) == (WIDE, NARROW)
    assert echoes.joined({echoes.KEY: found}, replace(NARROW, index=9)) == found
    assert echoes.told({echoes.KEY: found})[1] == (
        "labelled from image 7 on by Core (AVX2); echo CPU bb, GPU 11"
    )


def test_of_a_manifest_without_echoes_nothing_is_known() -> None:
    assert echoes.recorded({}) == ()
    assert echoes.joined({}, NARROW) == [NARROW.as_dict()]


@pytest.mark.parametrize(
    "said",
    [{}, {"echo": 7, "hardware": []}, {"echo": {"CPU": 7}, "hardware": {"devices": {"CPU": 1}}}],
)
def test_what_a_worker_says_is_not_trusted(said: dict[str, Any]) -> None:
    assert echoes.heard(said).devices == {}
