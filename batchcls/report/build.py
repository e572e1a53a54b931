"""Makes a report: two passes over the results at most, pictures of a sample, one file of HTML."""

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchcls.display.text import counted
from batchcls.errors import RefusedError, UsageError
from batchcls.report import alike
from batchcls.report.evaluate import Evaluation, Tally
from batchcls.report.facts import facts_of
from batchcls.report.lines import ResultsFile, parsed
from batchcls.report.matching import Matching
from batchcls.report.page.body import Contents, Group, body
from batchcls.report.page.html import MARK, page
from batchcls.report.pictures import (
    NO_ROOM,
    NOTHING,
    Thumbnail,
    Thumbnailer,
    Whereabouts,
    as_json,
    cut,
    described,
    thumbnails,
)
from batchcls.report.reading import matching_of, require_counted
from batchcls.report.sample import Sample, Sizes, Smallest, mixed
from batchcls.report.scan import scan
from batchcls.report.truth import ANOTHER, Truth, Truths
from batchcls.results.record import ParsedRecord
from batchcls.sources.directory import sync_directory

MOST_PICTURES = 2000
MOST_BYTES = 19_000_000
"""Of pictures, in Base64, and what is said of them: with all the rest, less than 20 MB."""
WRONG = 60
NEVER = (float("inf"), 0)
"""A key that no image is chosen by."""
NOTES = {
    "wrong": "Wrong answers, the surest first.",
    "unsure": "The best class is hardly ahead of the second; the closest first.",
    "classes": "Chosen at random from each of the most frequent classes.",
    "sure": "The highest scores of each of the most frequent classes.",
    "failed": "Chosen at random from each kind.",
    "alike": "Pictures on this page that look alike, and bursts, if the records say when they were "
    "taken (`--with captured`).",
}

Where = Callable[[ParsedRecord], bool]


@dataclass(frozen=True, slots=True)
class Request:
    """What a report is to be of.

    Attributes:
        results: the file.
        truths: what the images show; None where that is not known.
        images: the folder where the images are now; None = where they were.
        pictures: how many, about.
        where: which images count; None = all.
        filter: the same, as it was given.
    """

    results: str
    truths: Truths | None = None
    images: str | None = None
    pictures: int = 600
    where: Where | None = None
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """What the images show, and how answers are compared with it."""

    truths: Truths
    matching: Matching

    def wrong(self, record: ParsedRecord) -> Truth | None:
        """The true class, where it is known and the answer is another one."""
        truth = self.truths.of(record.path, record.index)
        if truth is None or not record.top:
            return None
        if truth != ANOTHER and not self.matching.meant(truth):
            return None
        return None if self.matching.rank(truth, record.top) == 0 else truth


def build(request: Request, make: Thumbnailer, tell: Callable[[str], None]) -> str:
    """The HTML of a report.

    Args:
        make: makes thumbnails.
        tell: takes what is being done, for people.

    Raises:
        UsageError: there are no results, or they cannot be compared with the truth.
        RefusedError: a line is no record.
    """
    results = ResultsFile.find(request.results)
    path = results.path
    tell(f"reading {path}")
    sample = Sample(Sizes.within(request.pictures))
    for number, (offset, line) in enumerate(results.lines(), 1):
        found = scan(line)
        if found is None:
            raise RefusedError(
                f"{path}, byte {offset:,}: not a record; `batchcls verify` says more"
            )
        if request.where is None or request.where(parsed(path, number, line)):
            sample.add(found, offset)
    contents = Contents(
        path.name, facts_of(path), sample, complete=results.complete, where=request.filter
    )
    chosen = _chosen(sample)
    judge = None
    if request.truths is not None:
        judge = Judge(request.truths, matching_of(results, request.truths))
        contents.evaluation, wrong = _evaluated(results, request, judge)
        chosen["wrong"] = [("pictures-wrong", "", wrong)] if wrong else []
    offsets = {
        index: offset
        for groups in chosen.values()
        for *_, found in groups
        for index, offset in found
    }
    records = [results.record(offsets[index]) for index in sorted(offsets)]
    contents.pictures = len(records)
    tell(f"making thumbnails of {counted(len(records), 'image', 'images')}")
    pictures = [_described(record, judge) for record in records]
    room = (MOST_BYTES - len(as_json(pictures))) * 3 // 4
    made = thumbnails(records, Whereabouts.of(path, request.images), make, room)
    contents.without_room = sum(one.kind == NO_ROOM for one in made.values())
    for key, groups in chosen.items():
        contents.sections[key] = [
            Group(name, [index for index, _ in found], title) for name, title, found in groups
        ]
    contents.sections["alike"] = _alike(records, made)
    contents.notes = NOTES
    data = {
        "groups": {g.id: g.images for groups in contents.sections.values() for g in groups},
        "pictures": [
            picture | _pictured(made.get(record.index, NOTHING))
            for record, picture in zip(records, pictures, strict=True)
        ],
    }
    return page(f"{contents.facts.title}: batchcls report", body(contents), data)


def require_free(path: Path) -> None:
    """See that a report may be written there: an earlier report makes room, no other file does.

    Raises:
        UsageError: something else is there, or there is no such folder.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"cannot write {path}: no such directory")
    try:
        with path.open("rb") as file:
            if file.read(len(MARK)) != MARK.encode():
                raise UsageError(f"{path} exists and is no report; choose another file")
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def write(text: str, path: Path) -> None:
    """Write a report, whole or not at all.

    Raises:
        UsageError: it may not be written there, or cannot be.
    """
    require_free(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_directory(path.absolute().parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


Chosen = dict[str, list[tuple[str, str, list[tuple[int, int]]]]]
"""Section → groups of an id, a title, and images with their offsets."""


def _chosen(sample: Sample) -> Chosen:
    frequent = sample.by_frequency()[: sample.sizes.classes]
    sure = [entry for _, found in frequent for entry in found.sure.chosen()]
    return {
        "unsure": [("pictures-unsure", "", sample.unsure.chosen())] if sample.classes else [],
        "classes": [
            (f"class-{n}", f"{label} · {found.images:,}", found.some.chosen())
            for n, (label, found) in enumerate(frequent)
        ],
        "sure": [("pictures-sure", "", sure)] if sure else [],
        "failed": [
            (f"kind-{kind}", f"{kind} · {count:,}", sample.of_kind[kind].chosen())
            for kind, count in sample.failed.most_common()
        ],
    }


def _evaluated(
    results: ResultsFile, request: Request, judge: Judge
) -> tuple[Evaluation, list[tuple[int, int]]]:
    """How right the answers are, and the images with the surest wrong ones."""
    tally, wrong = Tally(judge.matching), Smallest(WRONG)
    for number, (offset, line) in enumerate(results.lines(), 1):
        record = parsed(results.path, number, line)
        if request.where is not None and not request.where(record):
            continue
        tally.add(record, judge.truths.of(record.path, record.index))
        key = (-record.top[0].score, mixed(record.index)) if record.top else NEVER
        if key < wrong.worst and judge.wrong(record):
            wrong.add(key, record.index, offset)
    evaluation = tally.evaluation()
    filtered = request.where is not None
    require_counted(evaluation, results.path, judge.truths, filtered=filtered)
    return evaluation, wrong.chosen()


def _alike(records: Sequence[ParsedRecord], made: Mapping[int, Thumbnail]) -> list[Group]:
    """Bursts, and what looks alike and is not all of one burst."""
    hashes = {index: one.hash for index, one in made.items() if one.hash is not None}
    hashes |= {
        one.index: int(str(one.extra["phash"]), 16) for one in records if "phash" in one.extra
    }
    taken = {one.index: str(one.extra.get("captured", "")) for one in records}
    bursts = alike.bursts(hashes, taken)
    groups = [
        (images, f"burst of {len(images)}, {taken[images[0]].replace('T', ' ')}")
        for images in bursts
    ]
    groups += [
        (images, f"{len(images)} alike")
        for images in alike.groups(hashes)
        if not any({*images} <= {*burst} for burst in bursts)
    ]
    return [Group(f"alike-{n}", images, title) for n, (images, title) in enumerate(groups)]


def _described(record: ParsedRecord, judge: Judge | None) -> dict[str, object]:
    data: dict[str, object] = described(record)
    if judge is not None and (truth := judge.wrong(record)) is not None:
        data["truth"] = cut(str(truth))
    return data


def _pictured(one: Thumbnail) -> dict[str, object]:
    if one.data:
        jpeg = base64.b64encode(one.data).decode()
        return {"jpeg": jpeg, "size": f"{one.width} x {one.height}"}
    return {"now": one.kind} if one.kind else {}
