"""The manifest: comes back whole or not at all, and tells jobs apart, key by key."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import RefusedError
from batchcls.results import manifest as manifests
from batchcls.results.manifest import Manifest, difference, require_inputs, require_same
from batchcls.results.recovery import Identity
from batchcls.results.storage import PosixStorage
from tests.support.story import inputs, manifest

STORAGE = PosixStorage()
FINGERPRINT: dict[str, Any] = {
    "model": "6ca1", "weights": "77f0", "labels": "12ab", "layout": None, "resize_type": "crop",
    "mean_values": [123.675, 116.28, 103.53], "scale_values": [1.0], "reverse_input_channels": True,
    "interpolation": "linear", "decode.max_pixels": 178956970, "decode.exif": True, "top": 10,
    "activation": "softmax", "precision": "f32", "devices": ["CPU"], "record format": 1,
    "version of openvino": "2026.4.1", "version of cv2": "5.0.0", "version of batchcls": "0.1.0",
}  # fmt: skip


def changed(value: Any) -> list[Any]:
    """Values that are not this one, some of them nearly."""
    match value:
        case bool():
            return [not value, None, int(value)]
        case str():
            return [value + " ", value.upper() + "x", "", None]
        case None:
            return ["", 0, False]
        case list():
            return [[*value, value[0]], value[:-1], [[v] for v in value]]
        case _:
            return [value + 1, str(value), float(value), None]


@pytest.mark.parametrize("key", FINGERPRINT)
def test_every_key_that_changes_answers_is_refused(key: str) -> None:
    old = replace(manifest(3), fingerprint=FINGERPRINT)
    for value in changed(FINGERPRINT[key]):
        with pytest.raises(RefusedError) as caught:
            require_same(old, FINGERPRINT | {key: value}, Path("results.jsonl"))
        if key == manifests.VERSION_KEY:
            assert "begun by batchcls 0.1.0, and this is" in str(caught.value)
        else:
            assert f"\n  {key}: was " in str(caught.value)
            assert str(caught.value).count(": was ") == 1
        assert "--fresh" in str(caught.value)
    without = {k: v for k, v in FINGERPRINT.items() if k != key}
    for one, other in ((without, FINGERPRINT), (FINGERPRINT, without)):
        found = difference(one, other)
        assert [d.key for d in found] == [key]
        assert "absent" in str(found[0])


def test_what_does_not_change_answers_is_accepted(tmp_path: Path) -> None:
    old = replace(manifest(3), fingerprint=FINGERPRINT, settings={"workers": 1, "nireq": 4})
    manifests.save(STORAGE, tmp_path / "manifest.json", old)
    loaded = manifests.load(STORAGE, tmp_path / "manifest.json")
    assert loaded is not None
    turned = dict(reversed(FINGERPRINT.items()))
    turned["mean_values"] = tuple(turned["mean_values"])
    require_same(loaded, turned, Path("results.jsonl"))


def test_differences_are_short_and_fit_for_a_terminal() -> None:
    found = difference({"a": "\x1b[2J\n\u202e", "b": "x" * 5000}, {"a": 1, "b": 2})
    for entry in found:
        assert str(entry).isascii() or "…" in str(entry)
        assert str(entry).isprintable()
        assert len(str(entry)) < 300


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.runs
@given(st.dictionaries(st.text(), JSON, max_size=4), JSON, st.text(st.characters()))
def test_a_manifest_comes_back(fingerprint: dict[str, Any], setting: Any, root: str) -> None:
    before = Manifest(
        inputs={"root": root, "count": 3, "sha256": "0"},
        fingerprint=fingerprint,
        sources=(root, "b"),
        settings={"x": setting},
        replaces=Identity(1, 2, 3),
    )
    after = Manifest.from_bytes(before.to_bytes())
    assert after == before
    assert after.root == root


def test_every_flipped_byte_and_every_cut_is_noticed() -> None:
    data = manifest(3).to_bytes()
    for place in range(len(data)):
        for bit in (1, 4, 32, 128):
            damaged = bytearray(data)
            damaged[place] ^= bit
            with pytest.raises(ValueError):
                Manifest.from_bytes(bytes(damaged))
        with pytest.raises(ValueError):
            Manifest.from_bytes(data[:place])
    with pytest.raises(ValueError):
        Manifest.from_bytes(data + b"\n")


def test_a_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    manifests.save(STORAGE, path, replace(manifest(3), format=2))
    with pytest.raises(RefusedError, match="it has format 2, but this batchcls reads format 1"):
        manifests.load(STORAGE, path)


def test_an_inputs_list_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "inputs"
    path.write_bytes(inputs(3))
    require_inputs(STORAGE, path, manifest(3))
    for data in (inputs(4), inputs(2), b"", inputs(3).replace(b"1", b"2")):
        path.write_bytes(data)
        with pytest.raises(RefusedError, match="has changed since the run began"):
            require_inputs(STORAGE, path, manifest(3))
    path.unlink()
    with pytest.raises(RefusedError, match="No such file"):
        require_inputs(STORAGE, path, manifest(3))


def test_runs_have_different_ids() -> None:
    assert len({manifests.new_run() for _ in range(100)}) == 100
