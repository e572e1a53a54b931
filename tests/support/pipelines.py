"""Images of `fakes` through a pipeline, to the last answer."""

import json

from batchcls.errors import ImageError
from batchcls.images import ImageRef
from batchcls.worker.answers import Done
from batchcls.worker.pipeline import Pipeline


def read(image: ImageRef) -> bytes:
    """The path is the content."""
    if image.path.startswith("V"):
        raise ImageError("vanished", "gone")
    return image.path.encode()


def answer_all(pipeline: Pipeline, paths: str) -> list[Done]:
    images = [ImageRef(i, f"{c}{i}") for i, c in enumerate(paths)]
    half = len(images) // 2
    pipeline.add(1, images[:half])
    done = pipeline.step(0.01)
    pipeline.add(2, images[half:])
    for _ in range(10_000):
        if pipeline.idle:
            break
        done += pipeline.step(0.01)
    assert pipeline.idle
    assert pipeline.step(0) == []
    pipeline.close()
    return done


def outcome(done: Done) -> str:
    record = json.loads(done.answer.line)
    if kind := record["error"]["kind"]:
        assert kind == done.answer.failed
        return str(kind)
    assert record["top"][0]["label"] == done.answer.label
    return str(record["top"][0]["index"])
