"""A run writes its report at the end, and no report takes anything from a run."""

import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.errors import UsageError
from batchcls.report.page.html import MARK
from batchcls.results.pace import read
from batchcls.running.afterwards import told
from batchcls.running.result import RunResult
from tests.support.instant_run import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "work")
    place.add(0, 20)
    return place


@pytest.mark.runs
def test_a_complete_run_writes_its_report_before_it_tells(
    place: Place, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    program = f"import pathlib, sys; sys.exit(7 if pathlib.Path({str(page)!r}).exists() else 8)"
    line = shlex.join([sys.executable, "-c", program])
    assert place.run(report=str(page), on_end=line).images == 20
    assert "exit status 7" in capfd.readouterr().err
    text = page.read_text()
    assert text.startswith(MARK)
    data = re.search(r'id="data">(.*?)</script>', text)
    assert data is not None
    assert json.loads(data[1])["pictures"]
    assert read(place.paths.pace)[-1].lines == 20
    assert place.run(report=str(page)).resumed == 20


def test_a_report_that_fails_is_a_warning(
    place: Place, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()

    complete = place.run()

    def run(begins: object) -> RunResult:
        folder.rmdir()
        return complete

    assert told(replace(place.job, report=str(folder / "report.html")), run) is complete
    assert "report.html was not written" in capfd.readouterr().err
    assert place.paths.results.exists()


def test_a_file_that_is_no_report_is_refused_before_the_night(place: Place, tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(UsageError, match="is no report"):
        place.run(report=str(tmp_path / "mine.html"))
    assert not place.paths.directory.exists()
    assert (tmp_path / "mine.html").read_text() == "mine"
