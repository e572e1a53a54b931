"""A model is made aside and put in its place: killed anywhere, two models are never mixed."""

import errno
import random
from pathlib import Path

import pytest

from batchcls.errors import ModelError, UsageError
from batchcls.model.aside import aside, put
from batchcls.results.storage import CREATE
from tests.support.disk import SimDisk
from tests.support.numbered import Crash, End, Fail, Numbered, as_it_is, crash, ends_of

FOLDER = Path("/models")
OUT, NEW = FOLDER / "mine.xml", FOLDER / ".mine.xml.new" / "new" / "mine.xml"
OLD_PAIR, NEW_PAIR = (b"old .xml", b"old .bin"), (b"new .xml", b"new .bin")


def disk_with_both() -> SimDisk:
    """An old model, safe; and a new one, written and not synced."""
    disk = SimDisk(FOLDER)
    disk.mkdir(NEW.parent.parent)
    disk.mkdir(NEW.parent)
    for model, pair in ((OUT, OLD_PAIR), (NEW, NEW_PAIR)):
        for path, content in zip((model, model.with_suffix(".bin")), pair, strict=True):
            descriptor = disk.open(path, CREATE)
            disk.pwrite(descriptor, content, 0)
            if model == OUT:
                disk.fsync(descriptor)
            disk.close(descriptor)
    for folder in (FOLDER, NEW.parent.parent, NEW.parent):
        disk.fsync_dir(folder)
    return disk


def operations() -> list[str]:
    counted = Numbered(disk_with_both(), as_it_is)
    put(NEW, OUT, counted)
    return counted.names


def require_no_mixture(disk: SimDisk) -> None:
    pair = disk.content(OUT), disk.content(OUT.with_suffix(".bin"))
    assert pair in (OLD_PAIR, NEW_PAIR) or pair[0] is None


@pytest.mark.parametrize(("at", "how"), ends_of(operations()))
def test_a_killed_one_leaves_the_old_model_the_new_one_or_none(at: int, how: str) -> None:
    disk = disk_with_both()
    with pytest.raises(Crash):
        put(NEW, OUT, Numbered(disk, End(at, how, crash)))
    require_no_mixture(disk)
    for seed in range(50):
        require_no_mixture(disk.after_power_loss(random.Random(seed)))


@pytest.mark.parametrize("at", range(len(operations())))
def test_a_disk_that_fails_is_told_and_mixes_nothing(at: int) -> None:
    disk = disk_with_both()
    with pytest.raises(ModelError, match=r"cannot write /models/mine\.xml: "):
        put(NEW, OUT, Numbered(disk, Fail(at, errno.EIO, sticky=False)))
    require_no_mixture(disk)


def test_once_put_the_new_model_survives_a_power_loss() -> None:
    disk = disk_with_both()
    put(NEW, OUT, disk)
    for seed in range(50):
        lost = disk.after_power_loss(random.Random(seed))
        assert (lost.content(OUT), lost.content(OUT.with_suffix(".bin"))) == NEW_PAIR


def test_two_processes_do_not_make_one_model(tmp_path: Path) -> None:
    with (
        aside(tmp_path / "mine.xml"),
        pytest.raises(UsageError, match="another process is making"),
        aside(tmp_path / "mine.xml"),
    ):
        pass
    assert not [*tmp_path.iterdir()]
