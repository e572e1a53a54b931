"""Which Ray cluster is meant, and what is said where there is none; without Ray itself."""

import importlib.util
from pathlib import Path

import pytest

from batchcls.backends.ray_transport import RayTransport, cluster_address
from batchcls.errors import SetupError, UsageError
from batchcls.version import RAY

TO_TYPE = f"hint: pip install '{RAY}'\nhint: ray start --head --disable-usage-stats"


def test_the_cluster_of_this_machine_is_meant_where_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert cluster_address() == "auto"


def test_rays_client_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(UsageError, match="Ray's client is not supported; run batchcls on a node"):
        cluster_address()


@pytest.mark.parametrize("address", ["local", "127.0.0.1:1"])
def test_no_cluster_is_started_and_none_waited_for(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UsageError) as refused:
        cluster_address()
    first, hints = str(refused.value).split("\n", 1)
    assert first.startswith(f"no Ray cluster can be reached at {address}: ")
    assert hints == TO_TYPE


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="here is Ray")
def test_without_ray_the_two_lines_to_type_are_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refused:
        RayTransport(tmp_path / "log").open()
    assert str(refused.value) == f"`--cluster ray` needs Ray, which is not installed\n{TO_TYPE}"
