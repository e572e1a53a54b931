"""Each image leaves with the answer of the look that its scores call for, once, in any layout."""

import contextlib
import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from batchcls.errors import ImageError
from batchcls.images import ImageRef, Prediction
from batchcls.worker.pipeline import Pipeline
from batchcls.worker.stage_board import Board
from batchcls.worker.two_looks import TwoLooks
from tests.support.fakes import FakeClassifier, FakeFinished, FakeRing, fake_decode
from tests.support.pipelines import answer_all, outcome, read

CLOSE = "kC"
"""First letters of images whose first answer is close: `k` in full, `C` when decoded smaller."""


class Exact(FakeRing):
    """The exact look: its answers are another class's, so that the look is seen."""

    asked = 0
    requests = 0

    def start(self, tags: Sequence[object], images: Sequence[NDArray[np.float32]]) -> None:
        self.asked += len(tags)
        self.requests += 1
        super().start(tags, images)

    def _complete(self) -> FakeFinished:
        found = super()._complete()
        return FakeFinished(found.tags, found.scores + 0.5, found.latency_s, found.error)


class Classifier(FakeClassifier):
    def lead(self, scores: NDArray[np.float32]) -> float:
        if int(scores[0]) == ord("N"):
            self.outcome(scores)
        return 0.1 if scores[0] in map(ord, CLOSE) else 5.0

    def outcome(self, scores: NDArray[np.float32]) -> tuple[Prediction, ...]:
        found = super().outcome(scores)[0]
        look = "exact" if scores[0] % 1 else "first"
        return (found._replace(label=look),)


def pipeline(
    board: Board, exact: Exact, *, threads: int = 0, alternate: bool = False, batch: int = 1,
    delay: int = 1, nireq: int = 2,
) -> Pipeline:  # fmt: skip
    classifier = Classifier(exact)
    first = [FakeRing("FAKE", nireq, batch, delay)]
    rings = TwoLooks(first, [exact], classifier.lead, 0.3, board, marked=True)
    return Pipeline(
        classifier, read, fake_decode, board, threads, ("look",), alternate=alternate, rings=rings
    )


def looks(paths: str) -> list[str]:
    """What each image must come to: the look of its answer, or its failure."""
    failures = {"V": "vanished", "T": "truncated", "M": "out_of_memory", "P": "corrupt"}
    failures |= {"R": "infer", "O": "out_of_memory", "N": "bad_output"}
    return [failures.get(c) or ("exact" if c in CLOSE else "first") for c in paths]


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("alternate", [False, True])
@settings(max_examples=40)
@given(
    paths=st.text("akCbrVTMPRON", min_size=1, max_size=60),
    batch=st.integers(1, 4),
    delay=st.integers(1, 3),
    nireq=st.integers(1, 4),
)
def test_each_image_gets_the_look_that_it_needs(
    threads: int, alternate: bool, paths: str, batch: int, delay: int, nireq: int
) -> None:
    with contextlib.closing(Board.create()) as board:
        exact = Exact("FAKE", nireq, batch, delay)
        done = answer_all(
            pipeline(
                board, exact, threads=threads, alternate=alternate, batch=batch, delay=delay,
                nireq=nireq,
            ),
            paths,
        )  # fmt: skip
        assert sorted(d.answer.index for d in done) == list(range(len(paths)))
        assert board.in_hand() == []
    for d in done:
        record = json.loads(d.answer.line)
        wanted = looks(paths)[d.answer.index]
        if batch > 1 and {"R", "O"} & {*paths}:
            continue  # a refused request of the exact look fails all of its images
        if wanted in ("first", "exact"):
            assert record["top"][0]["label"] == wanted
            assert record["look"] == ("first" if wanted == "first" else "final")
        else:
            assert outcome(d) == wanted


class NoNumbers(Classifier):
    """The first look alone has no numbers, of `k` in full and of `C` decoded smaller."""

    def lead(self, scores: NDArray[np.float32]) -> float:
        self.outcome(scores)
        return 5.0

    def outcome(self, scores: NDArray[np.float32]) -> tuple[Prediction, ...]:
        if scores[0] in (ord("k"), ord("C")):
            raise ImageError("bad_output", "NaN")
        return super().outcome(scores)


@pytest.mark.parametrize("path", ["k", "C"])
def test_a_first_look_without_numbers_is_no_failure(board: Board, path: str) -> None:
    exact = Exact("FAKE", 2, 1, 1)
    classifier = NoNumbers(exact)
    rings = TwoLooks([FakeRing("FAKE", 2, 1, 1)], [exact], classifier.lead, 0.3, board, marked=True)
    pipeline = Pipeline(classifier, read, fake_decode, board, 0, ("look",), rings=rings)
    (done,) = answer_all(pipeline, path)
    assert json.loads(done.answer.line)["look"] == "final"


def test_second_looks_are_gathered_until_they_fill_a_request(board: Board) -> None:
    exact = Exact("FAKE", 2, 4)
    done = answer_all(pipeline(board, exact, batch=4, nireq=4), "aaka" * 16)
    assert len(done) == 64
    assert exact.asked == 16
    assert exact.requests <= 6, "four full ones, and what no more images could fill"


class Stuck(Exact):
    """An exact look that does not come to an end."""

    def poll(self) -> None:
        return None

    def wait(self, timeout_s: float) -> None:
        return None


@pytest.mark.parametrize("threads", [0, 2])
def test_first_looks_wait_while_the_exact_rings_have_all_they_can_take(
    board: Board, threads: int
) -> None:
    stuck = Stuck("FAKE", 2)
    rings = TwoLooks([FakeRing("FAKE", 3)], [stuck], Classifier().lead, 0.3, board)
    line = Pipeline(Classifier(stuck), read, fake_decode, board, threads, rings=rings)
    line.add(1, [ImageRef(i, f"k{i}") for i in range(50)])
    for _ in range(100):
        assert line.step(0.001) == []
    assert stuck.asked == 2
    assert rings.gathered <= 2 + 3, "as many as fit into requests of both looks"
    assert not line.idle
    line.close()
