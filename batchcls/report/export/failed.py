"""A failed image where a format has no place for it: a line of ``failed.jsonl``."""

import json

from batchcls.report.rows import Row, shown


def failed_line(row: Row) -> str:
    """The line, with its newline."""
    failure = row.failure
    said = {} if failure is None else {"error": failure.kind, "message": failure.message}
    known = {"i": row.record.index, "path": shown(row.record.path), "label": row.label, **said}
    return json.dumps(known) + "\n"
