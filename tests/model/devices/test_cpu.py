"""What the processor can do, and whether OpenVINO runs on it."""

import pytest

from batchcls.errors import DeviceError
from batchcls.model.devices import cpu
from batchcls.model.devices.cpu import require_avx2


@pytest.mark.parametrize("version", ["2026.4.1", "2027.0", "2026.10.0"])
def test_without_avx2_a_version_that_works_is_named(version: str) -> None:
    with pytest.raises(DeviceError, match=r"no AVX2.*pip install 'openvino<2026\.4'"):
        require_avx2({"sse2", "sse4_1", "avx"}, lambda: version)


@pytest.mark.parametrize(
    ("there", "version"),
    [
        ({"sse2", "avx", "avx2"}, "2026.4.1"),
        ({"sse2"}, "2026.3.2"),
        ({"asimd", "fp"}, "2026.4.1"),
        (set(), "2026.4.1"),
    ],
)
def test_all_others_go_on(there: set[str], version: str) -> None:
    require_avx2(there, lambda: version)


def test_what_limits_a_processor_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert "limited to AVX2 by ONEDNN_MAX_CPU_ISA" in cpu.title()
