"""What must be the same on all machines, and where each of them keeps what it can make again."""

import os
from pathlib import Path

import pytest

from batchcls.backends import fitness
from batchcls.backends.fitness import other_libraries, other_versions, sample, unlooked, unseen
from batchcls.backends.node_cache import file_system, node_cache
from batchcls.images import Container, Folder, ImageRef, Member

MOUNTS = b"""\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /home rw shared:1 - nfs4 server:/home rw
31 30 0:41 / /home/my\\040own rw - ext4 /dev/sdb1 rw
32 22 0:42 / /homely rw - xfs /dev/sdc1 rw
"""


def test_versions_are_compared_both_ways() -> None:
    assert other_versions({"a": "1"}, {"a": "1"}) == ""
    assert other_versions({"a": "1"}, {"a": "2"}) == "a is 2 there and 1 here"
    assert "not installed" in other_versions({"a": "1"}, {})
    assert "not installed" in other_versions({}, {"b": "1"})


def test_a_sample_is_what_the_driver_can_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1234")
    os.mkfifo(tmp_path / "pipe")
    images = [ImageRef(k, name, Folder(str(tmp_path))) for k, name in enumerate(("a", "none"))]
    (seen,) = sample(images)
    assert seen[:2] == (str(tmp_path / "a"), 4)
    assert unseen([seen]) == ""
    (tmp_path / "a").write_bytes(b"1235")
    assert "another file" in unseen([seen])
    (tmp_path / "a").unlink()
    assert "is not there" in unseen([seen])
    (tmp_path / "a").symlink_to("pipe")  # waits for nobody
    assert "is not there" in unseen([seen])


def test_images_in_a_container_are_looked_for_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"1234")
    place = Member(Folder(str(tmp_path)), Container("tar", "a.tar", 4, 0), 0, 0, 4, 4, 0)
    seen = sample([ImageRef(k, f"a.tar//{k}.png", place) for k in range(3)])
    assert [path for path, *_ in seen] == [str(tmp_path / "a.tar")]


def test_of_large_files_the_beginning_and_the_size_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitness, "MOST_HASHED", 8)
    (tmp_path / "a").write_bytes(b"12345678 9")
    (seen,) = sample([ImageRef(0, "a", Folder(str(tmp_path)))])
    (tmp_path / "a").write_bytes(b"12345678 0")
    assert unseen([seen]) == ""
    (tmp_path / "a").write_bytes(b"12345678 10")
    assert unseen([seen])


def test_libraries_are_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_bytes(b"x")
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert other_libraries([(str(tmp_path / "lib.so"), digest)]) == ""
    assert "lib.so is not there" in other_libraries([(str(tmp_path / "lib.so"), "00")])
    assert "none.so is not there" in other_libraries([(str(tmp_path / "none.so"), digest)])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/.cache", "nfs4"),
        ("/home/my own/.cache", "ext4"),
        ("/homely/.cache", "xfs"),
        ("/nowhere", "ext4"),
    ],
)
def test_the_file_system_of_a_path_is_its_nearest_mount(
    path: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(MOUNTS)
    monkeypatch.setattr(Path, "exists", lambda self: True)
    assert file_system(Path(path), mounts) == kind


def test_a_home_over_the_network_holds_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mounts.write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    assert node_cache(mounts) == tmp_path / "home" / "batchcls"
    mounts.write_text("22 1 8:1 / / rw - nfs4 server:/ rw\n")
    own = tmp_path / f"batchcls-{os.getuid()}"
    assert node_cache(mounts) == own / "batchcls"
    assert own.stat().st_mode & 0o777 == 0o700
    own.chmod(0o777)
    with pytest.raises(PermissionError):
        node_cache(mounts)


def test_of_what_is_not_looked_at_the_run_is_told() -> None:
    assert unlooked([ImageRef(0, "a.jpg", Folder("/photos"))]) == ""
    assert "stores" in unlooked([ImageRef(0, "a.jpg"), ImageRef(1, "s3://bucket/b.jpg")])
