import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import DeviceError
from batchcls.model.devices.strings import parse, resolve, shares_images

HERE = ["CPU", "GPU.0", "GPU.1"]


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        ("cpu", "", ("CPU",)),
        ("GPU.1", "", ("GPU.1",)),
        ("hetero:gpu,cpu", "HETERO", ("GPU", "CPU")),
        ("AUTO", "AUTO", ()),
        ("AUTO:-GPU,CPU", "AUTO", ("CPU",)),
        ("MULTI:CPU(4),GPU(2)", "MULTI", ("CPU", "GPU")),
    ],
)
def test_taking_apart(text: str, kind: str, names: tuple[str, ...]) -> None:
    device = parse(text)
    assert (device.kind, device.names) == (kind, names)
    assert str(device) == text.upper()


@pytest.mark.parametrize(
    "text", ["", "HETERO:", "HETRO:GPU,CPU", "CPU,GPU", "HETERO:GPU,,CPU", "C PU"]
)
def test_no_device_string(text: str) -> None:
    with pytest.raises(DeviceError):
        parse(text)


@pytest.mark.parametrize("text", ["HETERO", "multi", "BATCH"])
def test_a_list_without_devices_shows_one(text: str) -> None:
    with pytest.raises(DeviceError, match=f"name its devices, for example {text.upper()}:GPU"):
        parse(text)
    assert parse("AUTO").kind == "AUTO"  # which chooses itself


def test_a_missing_member_is_dropped_with_a_warning() -> None:
    device = resolve(parse("HETERO:NPU,GPU,CPU"), HERE)
    assert str(device) == "HETERO:GPU,CPU"
    assert "NPU" in device.warnings[0]


def test_one_member_left_is_a_plain_device() -> None:
    device = resolve(parse("HETERO:GPU,CPU"), ["CPU"])
    assert (str(device), device.kind, device.requested) == ("CPU", "", "HETERO:GPU,CPU")


def test_strict_drops_nothing() -> None:
    with pytest.raises(DeviceError, match="no NPU"):
        resolve(parse("HETERO:NPU,CPU"), HERE, strict=True)


def test_a_single_missing_device_lists_what_is_there() -> None:
    with pytest.raises(DeviceError, match=r"CPU, GPU\.0, GPU\.1"):
        resolve(parse("NPU"), HERE)


def test_no_member_left_is_an_error() -> None:
    with pytest.raises(DeviceError, match="no NPU and no XPU"):
        resolve(parse("AUTO:NPU,XPU"), HERE)


@pytest.mark.parametrize("name", ["cuda", "NVIDIA", "CPU.1", "AUTO:CUDA"])
def test_names_of_no_driver_are_not_said_to_lack_one(name: str) -> None:
    with pytest.raises(DeviceError, match="devices are CPU, GPU") as caught:
        resolve(parse(name), ["CPU"])
    assert "driver" not in str(caught.value)


def test_a_number_after_a_colon_is_told_from_a_list() -> None:
    with pytest.raises(DeviceError, match=r"'cuda:1': a number follows a dot, for example GPU\.1"):
        parse("cuda:1")


@pytest.mark.parametrize("name", ["FPGA", "HDDL", "MYRIAD", "GNA"])
def test_discontinued_devices_say_so(name: str) -> None:
    with pytest.raises(DeviceError, match="discontinued"):
        resolve(parse(name.lower()), HERE)
    kept = resolve(parse(f"HETERO:{name},CPU"), HERE)
    assert str(kept) == "CPU"
    assert "discontinued" in kept.warnings[0]


@given(st.lists(st.sampled_from(["CPU", "GPU", "NPU", "GPU.1", "GNA"]), min_size=1, max_size=4))
def test_what_is_left_is_always_there(names: list[str]) -> None:
    try:
        device = resolve(parse("MULTI:" + ",".join(names)), HERE)
    except DeviceError:
        assert not {"CPU", "GPU", "GPU.1"} & set(names)
        return
    assert set(device.names) == set(names) & {"CPU", "GPU", "GPU.1"}
    assert len(device.warnings) == len([n for n in names if n in ("NPU", "GNA")])


@pytest.mark.parametrize(
    ("device", "hint", "shares"),
    [
        ("CPU", "", False),
        ("HETERO:GPU,CPU", "", False),
        ("MULTI:GPU,CPU", "", True),
        ("MULTI:CPU", "", False),
        ("AUTO:GPU,CPU", "throughput", False),
        ("AUTO", "cumulative_throughput", True),
        ("AUTO:GPU,CPU", "ctput", True),
    ],
)
def test_who_gives_images_to_whichever_device_is_free(device: str, hint: str, shares: bool) -> None:
    assert shares_images(device, hint) is shares
