"""``--to label-studio``: tasks with predictions for Label Studio, and the configuration they need.

A folder: ``config.xml`` with a choice for every label, and ``tasks-00001.json`` … of `TASKS` each,
since its import takes a JSON array, and no larger one. As `label_studio_sdk` 2.1 validates it, in
``label_interface/interface.py``: ``validate_prediction``.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from json.encoder import encode_basestring_ascii as quoted
from operator import attrgetter
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from batchcls.report.export.files import is_remote, why_not_a_file
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material
from batchcls.report.export.xml_text import NOT_XML
from batchcls.report.reading import manifest_of, noted_labels
from batchcls.report.rows import Results, Row

TASKS = 50_000
LOCAL = "/data/local-files/?d="
"""Where Label Studio serves the files below LOCAL_FILES_DOCUMENT_ROOT."""

CORRECTED = "corrected"
"""The "model version" of what a person said."""

_LABEL = attrgetter("label")
_WEB = ("http://", "https://")


class Tasks:
    """Makes tasks of rows, and notes which labels they name.

    Args:
        material: what is exported.
    """

    def __init__(self, material: Material) -> None:
        self._material = material
        manifests = [manifest_of(results.path) for results in material.results]
        self.multiple = any(m and m.fingerprint.get("threshold") is not None for m in manifests)
        self.labels: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        """The JSON of a task for each image that Label Studio can hold.

        Put together by hand: for a million images that is ten seconds less than `json.dumps`.
        """
        versions = _versions(self._material.results)
        for rows in self._material.by_image():
            record, failure = rows[0].record, rows[0].failure
            if why := _why_not(record.path) or self._why_not_xml(rows):
                self._material.refuse(rows[0], why)
                continue
            error, message = (failure.kind, failure.message) if failure else ("", "")
            predictions = ", ".join([one for one in map(self._prediction, rows, versions) if one])
            yield (
                f'{{"data": {{"image": {quoted(self._url(record.path))}, "i": {record.index}, '
                f'"path": {quoted(record.path)}, "error": "{error}", '
                f'"message": {quoted(message)}}}, "predictions": [{predictions}]}}'
            )

    def _prediction(self, row: Row, version: str) -> str:
        chosen = _chosen(row, multiple=self.multiple)
        if not chosen:
            return ""
        self.labels.update(map(_LABEL, row.top), chosen)
        score = row.score
        if score is None:
            version, score = CORRECTED, 1.0
        # Raw scores, of a model without activation, are left out.
        shown = f'"score": {score!r}, ' if 0 <= score <= 1 else ""
        return (
            f'{{"model_version": {quoted(version)}, {shown}"result": [{{"id": "r1", '
            '"type": "choices", "from_name": "choice", "to_name": "image", '
            f'"value": {{"choices": [{", ".join(map(quoted, chosen))}]}}}}]}}'
        )

    def _url(self, path: str) -> str:
        prefix = self._material.choices.url_prefix
        if is_remote(path):
            return path
        if not prefix:
            return LOCAL + quote(path.lstrip("/"))
        # Object stores are asked for the key as it is.
        store = is_remote(prefix) and not prefix.startswith(_WEB)
        return prefix + (path if store else quote(path))

    def _why_not_xml(self, rows: Sequence[Row]) -> str:
        for row in rows:
            if any(map(NOT_XML.search, _chosen(row, multiple=self.multiple))):
                return "a label with characters that XML cannot hold"
        return ""


def _why_not(path: str) -> str:
    if is_remote(path) and "…" in path:  # see `batchcls.sources.url_names`
        return "a URL whose query or user the results do not say"
    return why_not_a_file(path)


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    out.mkdir()
    made = Tasks(material)
    tasks = iter(made)
    number = 0
    while first := next(tasks, None):
        number += 1
        with (out / f"tasks-{number:05}.json").open("w", encoding="ascii") as file:
            file.write("[\n" + first)
            file.writelines(",\n" + task for task in islice(tasks, TASKS - 1))
            file.write("\n]\n")
    noted = (label for results in material.results for label in noted_labels(results.path))
    labels = sorted(made.labels.union(noted))
    unfit = [*filter(NOT_XML.search, labels)]
    for label in unfit:
        material.refuse_label(label, "characters that XML cannot hold")
    fit = [label for label in labels if label not in unfit]
    _write_config(out / "config.xml", fit, multiple=made.multiple)


def _write_config(path: Path, labels: Sequence[str], *, multiple: bool) -> None:
    choice = "multiple" if multiple else "single"
    lines = [
        "<View>",
        '  <Image name="image" value="$image"/>',
        f'  <Choices name="choice" toName="image" choice="{choice}">',
        *(f"    <Choice value={quoteattr(label)}/>" for label in labels),
        "  </Choices>",
        "</View>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _chosen(row: Row, *, multiple: bool) -> list[str]:
    if multiple and row.corrected is None:
        return [one.label for one in row.top]
    return [] if row.label is None else [row.label]


def _versions(results: Sequence[Results]) -> list[str]:
    """What to call the models of these results: file and hash, else the results; no two alike."""
    names: list[str] = []
    for one in results:
        name = one.path.name.removesuffix(".part").removesuffix(".jsonl")
        manifest = manifest_of(one.path)
        if manifest is not None:
            asked = manifest.settings.get("job", {}).get("model") or "built-in"
            known = f"{Path(asked).stem} {str(manifest.fingerprint.get('model', ''))[:8]}".strip()
            name = f"{known} ({name})" if known in names else known
        names.append(name if name not in names else f"{name} {len(names) + 1}")
    return names


KIND = Kind(write, takes=frozenset({"url_prefix"}), several=True)
