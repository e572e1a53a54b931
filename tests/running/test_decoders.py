"""A decoder that is missing, that comes later, or that is another one: what becomes of a run."""

import json
import zlib
from pathlib import Path

import pytest

from batchcls.decode import decoders
from batchcls.decode.decoders import Decoder
from batchcls.errors import RefusedError
from batchcls.results import manifest, mark
from batchcls.results.storage import PosixStorage
from tests.support.instant_run import CUT, Place

NAMES = (b".heic",)
MISSING = Decoder("HEIC", "no-such-package", "no-such-package>=1.8", NAMES)
OLD = Decoder("HEIC", "numpy", "numpy>=999.0", NAMES)
CAME = Decoder("HEIC", "numpy", "numpy>=1.0", NAMES)
OTHER = Decoder("HEIC", "pytest", "pytest>=1.0", NAMES)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "work")
    place.add(0, 3)
    (place.folder / "images" / "phone.HEIC").write_text("cat")
    return place


def decoded_by(place: Place) -> str | None:
    found = manifest.load(PosixStorage(), place.paths.manifest)
    assert found is not None
    value: str | None = found.fingerprint.get("decoder of HEIC")
    return value


def install(monkeypatch: pytest.MonkeyPatch, decoder: Decoder) -> None:
    monkeypatch.setattr(decoders, "OPTIONAL", (decoder,))


@pytest.mark.parametrize("before", [MISSING, OLD])
def test_retry_failed_accepts_a_decoder_that_has_come(
    place: Place, monkeypatch: pytest.MonkeyPatch, before: Decoder
) -> None:
    phone = place.folder / "images" / "phone.HEIC"
    install(monkeypatch, before)
    phone.write_text(CUT)
    assert place.run().failed == 1
    assert decoded_by(place) == "none"
    phone.write_text("cat")
    install(monkeypatch, CAME)
    assert place.run(retry_failed=True).failed == 0
    assert str(decoded_by(place)).startswith("numpy ")
    whole = place.paths.results.read_bytes()
    place.run(fresh=True)
    assert place.paths.results.read_bytes() == whole


def test_another_decoder_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.folder / "images" / "phone.HEIC").write_text(CUT)
    install(monkeypatch, CAME)
    place.run()
    for other in (OTHER, MISSING):
        install(monkeypatch, other)
        with pytest.raises(RefusedError, match=r"decoder of HEIC: was .*numpy"):
            place.run(retry_failed=True)


def test_the_first_such_file_may_come_with_extend(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = place.folder / "images" / "phone.HEIC"
    phone.unlink()
    install(monkeypatch, CAME)
    place.run()
    assert decoded_by(place) is None  # and no run has it that has no such file
    phone.write_text("cat")
    assert place.run(extend=True).images == 4
    assert str(decoded_by(place)).startswith("numpy ")


def test_marks_that_know_fewer_kinds_of_failures_count() -> None:
    content = ["run", 3, 700, 5, 1, "complete", [2, *[0] * (len(mark.KINDS) - 2)], 9]
    text = json.dumps(content, separators=(",", ":")).encode().ljust(mark.SLOT - 10) + b"\n"
    found = mark.from_slot(b"%08x " % zlib.crc32(text) + text)
    assert found is not None
    assert (found.count, found.failed) == (5, {"vanished": 2})
    assert mark.KINDS[-1] == "no_decoder"  # new kinds stand behind those that older marks count
