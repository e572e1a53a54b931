"""Tables of images: which column, which rows, and what is no image."""

import json
import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import ImageError, SourceError
from batchcls.images import ImageRef
from batchcls.sources.containers.listing import OwnLister, look_at
from batchcls.sources.every import EveryPlace
from batchcls.sources.walk import Notes
from tests.support.members import listed, outcome

pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
from pyarrow import parquet  # noqa: E402

BYTES = [bytes([n]) * (500 + n) for n in range(100)]


def write(path: Path, columns: dict[str, Any], rows: int = 7, **options: Any) -> list[ImageRef]:
    """Write a table with so many rows in a group, and list it."""
    parquet.write_table(pyarrow.table(columns), path, row_group_size=rows, **options)
    return listed(path)


def write_arrow(path: Path, columns: dict[str, Any], form: str) -> list[ImageRef]:
    """Write an Arrow file of either form with seven rows in a batch, and list it."""
    table = pyarrow.table(columns)
    begin = pyarrow.ipc.new_file if form == "file" else pyarrow.ipc.new_stream
    with begin(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return listed(path)


def structs(values: list[bytes | None]) -> list[dict[str, Any]]:
    return [{"bytes": value, "path": f"/elsewhere/{n}.jpg"} for n, value in enumerate(values)]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("form", [list, structs], ids=["bytes", "bytes and path"])
def test_each_row_is_an_image_named_by_its_number(
    tmp_path: Path, form: Any, compression: str
) -> None:
    path = tmp_path / "train.parquet"
    refs = write(path, {"label": [1] * 100, "image": form(BYTES)}, compression=compression)
    assert [ref.path for ref in refs] == [f"{path}//{n}" for n in range(100)]
    source = EveryPlace()
    assert [source.read(ref) for ref in refs] == BYTES
    order = random.Random(1).sample(range(100), 100)
    assert [source.read(refs[n]) for n in order] == [BYTES[n] for n in order]


@pytest.mark.parametrize("form", ["file", "stream"])
@pytest.mark.parametrize("values", [list, structs], ids=["bytes", "bytes and path"])
def test_arrow_files_of_both_forms(tmp_path: Path, values: Any, form: str) -> None:
    path = tmp_path / "data.arrow"
    refs = write_arrow(path, {"label": [1] * 100, "image": values(BYTES)}, form)
    assert [ref.path for ref in refs] == [f"{path}//{n}" for n in range(100)]
    source = EveryPlace()
    order = random.Random(1).sample(range(100), 100)
    assert [source.read(refs[n]) for n in order] == [BYTES[n] for n in order]


@pytest.mark.runs
@pytest.mark.parametrize("form", ["file", "stream"])
def test_every_prefix_of_an_arrow_file_is_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / "data.arrow"
    write_arrow(path, {"image": BYTES[:9]}, form)
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(SourceError):
            listed(path)


def test_codes_are_read_in_an_arrow_file_and_refused_in_a_stream(tmp_path: Path) -> None:
    path, columns = tmp_path / "data.arrow", {"label": ["a"] * 9, "image": BYTES[:9]}
    columns["label"] = pyarrow.array(columns["label"]).dictionary_encode()
    assert [outcome(ref) for ref in write_arrow(path, columns, "file")] == BYTES[:9]
    with pytest.raises(SourceError, match=r"dictionary-encoded columns \(label\)"):
        write_arrow(path, columns, "stream")


def test_an_arrow_stream_with_an_end_in_its_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.arrow"
    write_arrow(path, {"image": BYTES[:9]}, "stream")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(SourceError, match="it goes on behind the mark of its end"):
        listed(path)


@pytest.mark.parametrize("form", [list, structs], ids=["bytes", "bytes and path"])
def test_a_footer_that_counts_its_rows_in_two_ways_is_refused(tmp_path: Path, form: Any) -> None:
    path = tmp_path / "t.parquet"
    write(path, {"image": form(BYTES[:9])}, rows=9)
    data = path.read_bytes()
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    nine = bytes([9 << 1])  # Thrift's form of the number
    places = [at for at in range(begin, len(data) - 8) if data[at : at + 1] == nine]
    refused = 0
    for at in places:
        path.write_bytes(data[:at] + bytes([7 << 1]) + data[at + 1 :])
        try:
            assert [ref.path for ref in listed(path)] == [f"{path}//{n}" for n in range(9)]
        except SourceError as error:
            refused += "counts its rows in different ways" in str(error)
    assert refused >= 3  # of the table, of its group, of the column in it


def test_a_column_with_a_dot_in_its_name(tmp_path: Path) -> None:
    assert outcome(write(tmp_path / "t.parquet", {"a.bytes": BYTES})[3]) == BYTES[3]


def test_a_row_without_bytes_is_empty_and_its_path_is_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    rows = [{"bytes": None, "path": str(secret)}, {"bytes": b"x", "path": None}, None]
    assert [outcome(ref) for ref in write(tmp_path / "t.parquet", {"image": rows})] == [
        "empty", b"x", "empty",
    ]  # fmt: skip


def test_a_column_that_the_hugging_face_library_calls_an_image_is_it(tmp_path: Path) -> None:
    table = pyarrow.table({"aa": BYTES, "scan": structs([*reversed(BYTES)])})
    features = {"info": {"features": {"scan": {"_type": "Image"}}}}
    path = tmp_path / "t.parquet"
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    parquet.write_table(table, path)
    assert outcome(listed(path)[0]) == BYTES[-1]


def test_of_several_columns_the_usual_name_counts_and_else_nobody_guesses(tmp_path: Path) -> None:
    refs = write(tmp_path / "t.parquet", {"mask": BYTES, "image": BYTES[::-1]})
    assert outcome(refs[0]) == BYTES[-1]
    with pytest.raises(SourceError, match=r"several of its columns hold bytes \(left, right\)"):
        write(tmp_path / "t.parquet", {"left": BYTES, "right": BYTES})


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_table_without_images_has_none_and_says_so(tmp_path: Path, ending: str) -> None:
    path, columns = tmp_path / f"t.{ending}", {"path": ["a.jpg"], "label": [1]}
    write(path, columns) if ending == "parquet" else write_arrow(path, columns, "stream")
    notes = Notes()
    assert [*OwnLister(("*.jpg",), (), notes).members(look_at(ending, str(path)), 0)] == []
    assert notes.as_tuple() == (f"{path}: tables without a column of images are left out (1)",)


@pytest.mark.parametrize("form", ["file", "stream"])
def test_arrow_columns_of_views(tmp_path: Path, form: str) -> None:
    images = pyarrow.array(BYTES, pyarrow.binary_view())
    refs = write_arrow(tmp_path / "t.arrow", {"label": [1] * 100, "image": images}, form)
    assert [EveryPlace().read(refs[n]) for n in (0, 99)] == [BYTES[0], BYTES[99]]


def test_a_row_without_bytes_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    refs = write(tmp_path / "t.parquet", {"image": [*BYTES[:40], None, *BYTES[:40]]}, rows=99)
    path, source = f"{tmp_path}/t.parquet", EveryPlace()
    assert source.read(refs[39]) == BYTES[39]
    handle = source._members._kept.files[path]
    with pytest.raises(ImageError, match="no bytes"):
        source.read(refs[40])
    assert source.read(refs[41]) == BYTES[0]
    assert source._members._kept.files[path] is handle


def test_rows_before_a_damaged_page_are_right_after_it_was_met(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    options = {"data_page_size": 1, "write_page_checksum": True, "use_dictionary": False}
    refs = write(path, {"image": BYTES}, rows=100, write_batch_size=16, compression="none",
                 **options)  # fmt: skip
    found = path.stat()
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(data.index(BYTES[50]))
        file.write(b"x")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    source = EveryPlace()

    def answer(row: int) -> bytes | str:
        try:
            return source.read(refs[row])
        except ImageError as error:
            return error.kind

    assert [answer(row) for row in (40, 50, 51, 90, 49, 30, 47, 50, 10)] == [
        BYTES[40], "corrupt", "corrupt", "corrupt", "corrupt", BYTES[30], BYTES[47], "corrupt",
        BYTES[10],
    ]  # fmt: skip


def test_one_container_at_a_time_keeps_rows(tmp_path: Path) -> None:
    one, other = (write(tmp_path / f"{n}.parquet", {"image": BYTES}) for n in range(2))
    source = EveryPlace()
    source.read(one[0])
    first = source._members._kept.files[f"{tmp_path}/0.parquet"]
    assert first.kept is not None
    source.read(other[0])
    assert first.kept is None
    assert source.read(one[1]) == BYTES[1]


def test_a_changed_table_gives_no_other_images(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    refs = write(path, {"image": BYTES})
    source = EveryPlace()
    assert source.read(refs[3]) == BYTES[3]
    write(path, {"image": BYTES[::-1]})
    for reader in (source, EveryPlace()):
        with pytest.raises(ImageError) as caught:
            reader.read(refs[4])
        assert caught.value.kind == "changed"


def test_what_is_no_table_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    for data in (b"", b"x" * 1000, b"PAR1" + b"\xff" * 100 + b"PAR1"):
        path.write_bytes(data)
        with pytest.raises(SourceError, match=r"^cannot list .*t\.parquet: .*leave it out"):
            listed(path)


@pytest.mark.runs
def test_every_prefix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write(path, {"image": BYTES[:5]})
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(SourceError):
            listed(path)


@pytest.mark.runs
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_where_pages_have_checksums_a_changed_byte_gives_no_other_row(
    tmp_path: Path, compression: str
) -> None:
    path = tmp_path / "t.parquet"
    write(path, {"image": BYTES[:12]}, compression=compression, write_page_checksum=True)
    data, chance = path.read_bytes(), random.Random(3)
    with path.open("r+b", buffering=0) as file:
        for _ in range(500):
            at = chance.randrange(len(data))
            os.pwrite(file.fileno(), bytes([data[at] ^ chance.randrange(1, 256)]), at)
            with suppress(SourceError):
                for ref in listed(path)[:12]:
                    assert outcome(ref) not in BYTES[: ref.index] + BYTES[ref.index + 1 :]
            os.pwrite(file.fileno(), data[at : at + 1], at)
