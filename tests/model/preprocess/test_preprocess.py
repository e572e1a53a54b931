import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import ModelError
from batchcls.model.metadata.presets import PRESETS
from batchcls.model.preprocess.geometry import geometry
from batchcls.model.preprocess.preprocess import RESIZE_TYPES, Preprocess, origins, resolve
from batchcls.model.preprocess.settings import Settings, merge
from batchcls.model.preprocess.spatial import prepare


def test_the_first_word_wins_and_is_remembered() -> None:
    settings, origins = merge(
        [
            ("flags", Settings(resize_type="crop")),
            ("file", Settings(resize_type="shortest_edge", resize_to=(9, 9), mean_values=(1.0,))),
        ]
    )
    assert (settings.resize_type, settings.mean_values) == ("crop", (1.0,))
    assert origins == {"resize_type": "flags", "mean_values": "file"}
    assert settings.resize_to is None  # it belongs to the other resize type


def test_a_share_given_by_hand_counts_before_a_files_sizes() -> None:
    file = Settings(resize_type="shortest_edge", resize_to=(256, 256))
    settings, _ = merge([("flags", Settings(crop_pct=0.95)), ("file", file)])
    pre = resolve(settings, 224, 224, 3)
    assert (pre.resize_type, pre.resize_to) == ("shortest_edge", (235, 235))  # floor, as timm


def test_defaults_are_the_old_samples() -> None:
    assert resolve(Settings(), 7, 9, 3) == Preprocess(7, 9)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(resize_type="zoom"),
        Settings(interpolation="magic"),
        Settings(mean_values=(1.0, 2.0)),
        Settings(scale_values=(0.0,)),
        Settings(pad_value=(1, 2)),
    ],
)
def test_values_that_make_no_sense(settings: Settings) -> None:
    with pytest.raises(ModelError):
        resolve(settings, 8, 8, 3)


def test_torchvision_geometry() -> None:
    pre = Preprocess(224, 224, resize_type="shortest_edge", resize_to=(256, 256))
    assert geometry(pre, 500, 375).size == (341, 256)  # int(256 * 500 / 375)
    assert geometry(pre, 500, 375).offset == (58, 16)  # round(58.5) is 58: half to even
    assert geometry(pre, 375, 500).size == (256, 341)


@pytest.mark.parametrize("edge", [128, 160, 192, 224, 299])
def test_the_share_of_tensorflows_central_crop_is_exact(edge: int) -> None:
    """Computed from a rounded size it was 128/146, and the cut began at (30, 23)."""
    pre = resolve(PRESETS["tf"], edge, edge, 3)
    left, top = int((500 - 500 * 0.875) / 2), int((375 - 375 * 0.875) / 2)
    assert geometry(pre, 500, 375).source == (left, top, 500 - 2 * left, 375 - 2 * top)
    assert (left, top) == (31, 23)


def test_a_model_exported_by_an_older_version_keeps_its_crop() -> None:
    older = Settings(resize_type="centre_fraction", resize_to=(146, 146))
    assert geometry(resolve(older, 128, 128, 3), 500, 375).source[0] == 30


def test_equal_numbers_for_three_channels_serve_one() -> None:
    pre = resolve(Settings(mean_values=(127.5, 127.5, 127.5)), 8, 8, 1)
    assert pre.mean_values == (127.5,)
    with pytest.raises(ModelError, match="3 values"):
        resolve(Settings(mean_values=(1.0, 2.0, 3.0)), 8, 8, 1)


def test_transformers_rounds_the_crop_down() -> None:
    pre = Preprocess(
        224, 224, resize_type="shortest_edge", resize_to=(256, 256), crop_rounding="floor"
    )
    assert geometry(pre, 503, 375).offset[0] == (343 - 224) // 2 == 59
    even = Preprocess(224, 224, resize_type="shortest_edge", resize_to=(256, 256))
    assert geometry(even, 503, 375).offset[0] == 60


def test_letterbox_is_centred_and_padded_with_its_value() -> None:
    pre = Preprocess(8, 8, resize_type="fit_to_window_letterbox", pad_value=(7,))
    out = prepare(np.full((4, 8, 3), 200, np.uint8), pre)
    assert (out[2:6] == 200).all()
    assert (out[:2] == 7).all()
    assert (out[6:] == 7).all()


def test_fit_to_window_pads_right_and_bottom() -> None:
    pre = Preprocess(8, 8, resize_type="fit_to_window", pad_value=(7,))
    out = prepare(np.full((8, 4, 3), 200, np.uint8), pre)
    assert (out[:, :4] == 200).all()
    assert (out[:, 4:] == 7).all()


def test_crop_takes_the_middle() -> None:
    image = np.zeros((4, 12, 3), np.uint8)
    image[:, 4:8] = 255
    assert (prepare(image, Preprocess(4, 4, resize_type="crop")) == 255).all()


def test_border_fills_with_the_mean_of_each_channel() -> None:
    pre = Preprocess(8, 8, resize_type="border", resize_to=(8, 8), pad_value=(1, 2, 3))
    out = prepare(np.full((2, 8, 3), 200, np.uint8), pre)
    assert out[0, 0].tolist() == [1, 2, 3]
    assert (out[3:5] == 200).all()


def test_channel_order_and_gray() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[:] = (10, 20, 30)
    assert prepare(image, Preprocess(2, 2))[0, 0].tolist() == [10, 20, 30]
    assert prepare(image, Preprocess(2, 2, reverse_input_channels=True))[0, 0].tolist() == [
        30,
        20,
        10,
    ]
    assert prepare(image, Preprocess(2, 2, channels=1)).shape == (2, 2, 1)


@pytest.mark.parametrize("interpolation", ["linear", "area", "nearest", "pillow_nearest"])
def test_a_square_is_made_first_and_resized_with_its_border(interpolation: str) -> None:
    pre = Preprocess(
        8, 8, resize_type="pad_to_square", pad_value=(9, 8, 7), reverse_input_channels=True,
        interpolation=interpolation,
    )  # fmt: skip
    out = prepare(np.full((5, 16, 3), (10, 20, 30), np.uint8), pre)
    assert out[0].tolist() == [[9, 8, 7]] * 8  # in the model's order
    assert out[3].tolist() == [[30, 20, 10]] * 8
    assert out[7].tolist() == [[9, 8, 7]] * 8
    if interpolation in ("linear", "area"):
        # The picture is rows 5 to 9 of 16, counted from 0: half of output row 2 is border.
        assert out[2, 0].tolist() == [20, 14, 9]


@pytest.mark.runs
@pytest.mark.parametrize("shape", [(1, 60_000, 3), (60_000, 1, 3)])
@pytest.mark.parametrize("interpolation", ["area", "linear", "pillow_bicubic"])
def test_a_strip_has_no_square_of_gigabytes(
    shape: tuple[int, int, int], interpolation: str
) -> None:
    pre = Preprocess(
        16, 16, resize_type="pad_to_square", pad_value=(255,), interpolation=interpolation
    )
    tracemalloc.start()
    out = prepare(np.zeros(shape, np.uint8), pre)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
    assert (out == 255).mean() > 0.9


@given(
    st.sampled_from([kind for kind in RESIZE_TYPES if kind != "embedded"]),
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([(8, 8), (7, 13), (224, 160)]),
    st.sampled_from(["even", "floor"]),
)
def test_every_size_gives_the_inputs_shape(
    kind: str, width: int, height: int, target: tuple[int, int], rounding: str
) -> None:
    pre = resolve(Settings(resize_type=kind, crop_rounding=rounding), *target, 3)
    out = prepare(np.full((height, width, 3), 9, np.uint8), pre)
    assert out.shape == (*target, 3)
    assert out.flags.c_contiguous


@pytest.mark.parametrize("kind", [kind for kind in RESIZE_TYPES if kind != "embedded"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("intensity", [("none",), ("percentile", 2.0, 98.0)])
@pytest.mark.parametrize("size", [(20, 16), (31, 17), (5, 40), (3, 3)])
def test_an_image_made_in_its_place_is_the_same(
    kind: str,
    channels: int,
    reverse: bool,
    intensity: tuple[str | float, ...],
    size: tuple[int, int],
) -> None:
    settings = Settings(
        resize_type=kind, reverse_input_channels=reverse, intensity=intensity, pad_value=(9,)
    )
    pre = resolve(settings, 20, 16, channels)
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    expected = prepare(image, pre)
    request = np.full((2, *expected.shape), 7, expected.dtype)
    place = request[1]
    assert prepare(image, pre, place) is place
    np.testing.assert_array_equal(request[1], expected)
    assert (request[0] == 7).all()


def test_only_what_the_sample_decided_is_called_its_guess() -> None:
    said = origins(resolve(Settings(), 8, 8, 3), {})
    guessed = {key for key, origin in said.items() if "guess" in origin}
    assert guessed == {
        "resize_type", "interpolation", "reverse_input_channels", "mean_values", "scale_values",
    }  # fmt: skip
    crop = resolve(Settings(resize_type="squash", crop_pct=0.9), 8, 8, 3)
    assert origins(crop, {"crop_pct": "the command line"})["resize_to"] == "the command line"
