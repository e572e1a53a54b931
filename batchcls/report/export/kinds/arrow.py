"""``--to arrow``: a table as an Arrow file (Feather, version 2), by pyarrow."""

from pathlib import Path

from batchcls.report.export.arrow_batches import batches, needed, schema_of
from batchcls.report.export.columns import table
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    pa = needed()
    columns, rows = table(material)
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, schema_of(pa, columns)) as writer:
        for batch in batches(pa, columns, rows):
            writer.write_batch(batch)


KIND = Kind(write, takes=frozenset({"long"}))
