"""What lies beside a list: read back as written, and refused when it is not what was written."""

import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import RefusedError
from batchcls.images import LARGEST, Container, Folder, Member
from batchcls.job.job import Job
from batchcls.results.manifest import Manifest, require_inputs
from batchcls.results.storage import PosixStorage
from batchcls.sources.containers import places
from batchcls.sources.containers.kinds import container_path, kind_of
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsReader
from tests.support.archives import pack

PATHS = st.binary(min_size=1).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"x")))
LONG = st.integers(0, (1 << 64) - 1)
CONTAINERS = st.builds(Container, st.sampled_from(["tar", "zip"]), PATHS, LONG, LONG)


@given(st.lists(CONTAINERS))
def test_containers_are_read_back(containers: list[Container]) -> None:
    assert places.decode_containers(places.encode_containers(containers)) == containers


@given(CONTAINERS, st.integers(0, 255), LONG, LONG, LONG, st.integers(0, LARGEST))
def test_a_place_is_read_back(
    container: Container, method: int, offset: int, stored: int, size: int, crc32: int
) -> None:
    record = places.record(7, method, offset, stored, size, crc32)
    assert len(record) == 32
    found = places.member_of(record, Folder("/"), container)
    assert found == Member(
        Folder("/"), container, method, offset, stored, min(size, LARGEST), crc32
    )


@given(st.text("ab./", max_size=12), st.text("ab./x", max_size=12))
def test_the_container_of_a_path_is_what_stands_before_its_member(folder: str, name: str) -> None:
    outer = f"{folder}s.tar".replace("//", "/")
    if kind_of(outer.encode()) is not None:
        assert container_path(f"{outer}//{name}") == outer
    assert container_path(f"{outer}x/{name}") == ""


@pytest.mark.parametrize("name", ["places", "containers", "inputs"])
@pytest.mark.parametrize("change", ["a byte", "its end", "all of it"])
def test_what_is_not_what_was_written_is_refused(tmp_path: Path, name: str, change: str) -> None:
    pack(tmp_path / "s.tar", {f"{n}.jpg": b"x" for n in range(9)})
    inputs = tmp_path / "inputs"
    manifest = Manifest(freeze(Job(sources=(str(tmp_path / "s.tar"),)), inputs).as_dict(), {})
    require_inputs(PosixStorage(), inputs, manifest)
    data = (tmp_path / name).read_bytes()
    changed = {"a byte": bytes([data[0] ^ 1]) + data[1:], "its end": data[:-1], "all of it": b""}
    (tmp_path / name).write_bytes(changed[change])
    with pytest.raises(RefusedError, match=rf"{name} has changed since the run began"):
        require_inputs(PosixStorage(), inputs, manifest)


def test_places_that_end_early_give_no_image(tmp_path: Path) -> None:
    pack(tmp_path / "s.tar", {f"{n}.jpg": b"x" for n in range(9)})
    listed = freeze(Job(sources=(str(tmp_path / "s.tar"),)), tmp_path / "inputs")
    os.truncate(tmp_path / "places", 8 * 32)
    with closing(InputsReader(tmp_path / "inputs", "/", members=listed.members)) as reader:
        assert len(reader.chunk(8)) == 8
        with pytest.raises(RefusedError, match="places is not what was written"):
            reader.chunk(1)
