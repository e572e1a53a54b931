"""What a message advises works when one does it: `--fresh`, to restore, the same command."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import BatchclsError, StoppedError
from batchcls.results.rundir import RunPaths
from tests.support.instant_run import Place
from tests.support.numbered import Act, Numbered, Unsynced

COUNT = 300
Harm = Callable[[RunPaths], object]


def full_at_last(number: int, name: str, act: Act, args: tuple[Any, ...]) -> Any:
    """A disk that is full when the lines are on it, and before they have their name."""
    if name.startswith("rename_new") or (name == "rename" and str(args[0]).endswith(".part")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return act(*args)


def change(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("x")


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMS: dict[str, Harm] = {
    "a letter of the manifest": lambda paths: change(paths.manifest, 40),
    "an empty manifest": lambda paths: os.truncate(paths.manifest, 0),
    "no manifest": lambda paths: paths.manifest.unlink(),
    "a letter of the list": lambda paths: change(paths.inputs, 10),
    "no list": lambda paths: paths.inputs.unlink(),
    "letters of the mark": lambda paths: paths.commit.write_bytes(b"x" * 300),
    "no mark": lambda paths: paths.commit.unlink(),
}
OF_PART: dict[str, Harm] = {
    "a letter of the part": lambda paths: change(paths.part, 30),
    "a part cut off": lambda paths: os.truncate(paths.part, 1000),
    "no part": lambda paths: paths.part.unlink(),
}
OF_RESULTS: dict[str, Harm] = {
    "a letter of the results": lambda paths: change(paths.results, 30),
    "results cut off": lambda paths: os.truncate(paths.results, 1000),
    "results appended to": lambda paths: append(paths.results),
    "results of a folder": lambda paths: to_folder(paths.results),
}
STATES = [
    *((harm, "unfinished") for harm in {**HARMS, **OF_PART}),
    *((harm, "complete") for harm in {**HARMS, **OF_RESULTS}),
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "work")
    place.add(0, COUNT)
    return place


@pytest.mark.runs
@pytest.mark.parametrize("option", ["", "extend", "retry_failed"])
@pytest.mark.parametrize(("harm", "state"), STATES)
def test_advice_about_damage_holds(
    place: Place, tmp_path: Path, harm: str, state: str, option: str
) -> None:
    place.run()
    whole = place.paths.results.read_bytes()
    if state == "unfinished":
        shutil.rmtree(place.paths.directory)
        place.paths.results.unlink()
        with pytest.raises(StoppedError):
            place.run(Numbered(Unsynced(), full_at_last))
    place.keep(tmp_path / "before")
    {**HARMS, **OF_PART, **OF_RESULTS}[harm](place.paths)
    place.keep(tmp_path / "harmed")
    options: dict[str, Any] = {option: True} if option else {}
    try:
        place.run(**options)
    except BatchclsError as error:
        assert error.exit_code == 2
        said = str(error)
    else:
        assert place.paths.results.read_bytes() == whole
        return

    kept = 0
    if "start over with `--fresh`" in said:
        place.run(fresh=True)
        assert place.paths.results.read_bytes() == whole
        kept += 1
    if "restore it" in said or "put it back" in said:
        place.restore(tmp_path / "before")
        place.run(**({} if state == "unfinished" else options))
        assert place.paths.results.read_bytes() == whole
        kept += 1
    if f"without `--{option.replace('_', '-')}`" in said:
        place.restore(tmp_path / "before")
        place.run()
        assert place.paths.results.read_bytes() == whole
        kept += 1
    if "move it away" in said:
        place.restore(tmp_path / "harmed")
        for path in (place.paths.results, place.paths.part):
            if path.exists():
                path.rename(tmp_path / path.name)
        place.run()
        assert place.paths.results.read_bytes() == whole
        kept += 1
    if "choose another `--output`" in said:
        place.restore(tmp_path / "harmed")
        place.run(output=str(place.folder / "other.jsonl"))
        assert (place.folder / "other.jsonl").read_bytes() == whole
        kept += 1
    assert kept, said
