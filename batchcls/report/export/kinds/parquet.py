"""``--to parquet``: a table in row groups of a bounded size, by pyarrow."""

from itertools import islice
from pathlib import Path

from batchcls.report.export.arrow_batches import batches, needed, schema_of
from batchcls.report.export.columns import table
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material

BATCHES = 16
"""Of a row group."""


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    pa = needed()
    from pyarrow import parquet

    columns, rows = table(material)
    with parquet.ParquetWriter(out, schema_of(pa, columns), compression="zstd") as writer:
        made = batches(pa, columns, rows)
        while group := list(islice(made, BATCHES)):
            writer.write_table(pa.Table.from_batches(group))


KIND = Kind(write, takes=frozenset({"long"}))
