"""``--to sqlite``: a database with one table, ``images``, or with ``--long`` ``classes``."""

import errno
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path

from batchcls.report.export.columns import table
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material

ROWS = 50_000
"""Of a transaction."""

_TYPES = {int: "INTEGER", float: "REAL", str: "TEXT"}


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    try:
        _write(material, out)
    except sqlite3.OperationalError as error:  # the disk's; the statements are ours
        full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error


def _write(material: Material, out: Path) -> None:
    columns, rows = table(material)
    name = "classes" if material.choices.long else "images"
    fields = ", ".join(f'"{column.name}" {_TYPES[column.type]}' for column in columns)
    with closing(sqlite3.connect(out, isolation_level=None)) as database:
        # What makes a transaction safe is in vain: the file has no name before it is whole.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute(f"CREATE TABLE {name} ({fields})")
        insert = f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - ours
        while some := list(islice(rows, ROWS)):
            database.execute("BEGIN")
            database.executemany(insert, some)
            database.execute("COMMIT")
        database.execute(f"CREATE INDEX {name}_i ON {name} (i)")
        database.execute(f"CREATE INDEX {name}_label ON {name} (label)")


KIND = Kind(write, takes=frozenset({"long"}))
