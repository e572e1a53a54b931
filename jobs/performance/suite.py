"""Measures batchcls against the limit of the machine and against other programs, and prints it.

    python jobs/performance/suite.py --data ../shared/data --peers ../shared/peers --rounds 5
    python jobs/performance/suite.py --rows mobilenet,small --rounds 3

Every row is measured interleaved: the bound, each peer and batchcls in turn, round after round,
each a fresh process. See README.md beside this file for what the rows mean, and for the precision:
OpenVINO computes in bf16 where the processor has it, batchcls in f32 unless told otherwise; so that
like is compared with like, batchcls appears twice, as it is and at the peers' precision.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pictures

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ROWS = ("mobilenet", "resnet50", "squeezenet", "start", "large85", "large95", "small", "bench")
PEERS = "bound,sync_loop,sample_async,procpool"


def light_model(name: str) -> Path | None:
    """A model that comes with the package `onnx` (weights made up, so only its speed is real)."""
    try:
        import onnx
    except ImportError:
        return None
    return Path(onnx.__file__).parent / "backend/test/data/light" / f"light_{name}.onnx"


def native_precision() -> str:
    """What OpenVINO, left alone, computes in on this processor."""
    import openvino

    name = openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT")
    text = str(name).lower()
    return next((short for short in ("bf16", "f16") if short in text), "f32")


class Suite:
    """One run of the suite.

    Args:
        arguments: of the command line.
        work: folder for what it makes.
    """

    def __init__(self, arguments: argparse.Namespace, work: Path) -> None:
        self.arguments = arguments
        self.work = work
        self.photos = arguments.data / "photos"
        self.mobilenet = arguments.data / "models" / "mobilenet_v2_1.0_224_quant.tflite"
        self.native = native_precision()

    def compare(
        self, images: Path, model: Path, peers: str, limit: int = 0, extra: str = ""
    ) -> None:
        """One interleaved comparison by the peers' own driver."""
        timed = f"PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)} "
        timed += f"{shlex.quote(str(HERE / 'timed_run.py'))} {{out}} {{images}} --model {{model}} "
        words = [sys.executable, str(self.arguments.peers / "compare.py")]
        words += ["--images", str(images), "--model", str(model), "--peers", peers]
        words += ["--rounds", str(self.arguments.rounds), "--limit", str(limit)]
        words += ["--command", f"batchcls={timed}{extra}"]
        if self.native != "f32":
            name = f"batchcls_{self.native}"
            words += ["--command", f"{name}={timed}{extra} --infer-precision {self.native}"]
        for python in self.arguments.python:
            words += ["--python", python]
        subprocess.run(words, check=False)

    def model_row(self, model: Path | None, repeat: int, limit: int) -> None:
        """Steady and whole rate of a model against the bound and the peers."""
        if model is None:
            print("not measured: `pip install onnx` brings the model")
            return
        images = pictures.repeated(self.photos, self.work / f"x{repeat}-{limit}", repeat)
        self.compare(images, model, PEERS + self.arguments.more_peers, limit)

    def mobilenet_row(self) -> None:
        """MobileNet v2, 300 photos four times."""
        self.model_row(self.mobilenet, 4, 0)

    def resnet50_row(self) -> None:
        """ResNet-50."""
        self.model_row(light_model("resnet50"), 1, 150)

    def squeezenet_row(self) -> None:
        """SqueezeNet."""
        self.model_row(light_model("squeezenet"), 2, 600)

    def start_row(self) -> None:
        """Time to the first line, one and two workers, few photos."""
        images = pictures.repeated(self.photos, self.work / "start", 1)
        for workers in (1, 2):
            print(f"workers {workers}")
            self.compare(images, self.mobilenet, "sync_loop", 60, f"--workers {workers}")

    def large(self, quality: int) -> None:
        """12-megapixel JPEGs."""
        folder = self.work / f"large{quality}"
        images = pictures.twelve_megapixels(self.photos, folder, self.arguments.large, quality)
        extra = "--preprocess torchvision --decode "
        self.compare(images, self.mobilenet, "sync_loop,procpool", 0, extra + "reduced")
        full, reduced = (self.best_classes(images, extra + how) for how in ("full", "reduced"))
        same = sum(a == b for a, b in zip(full, reduced, strict=True))
        print(f"same best class as decoded in full: {same} of {len(full)} ({same / len(full):.1%})")

    def best_classes(self, images: Path, extra: str) -> list[int]:
        """The best class of each picture; the lower one of two that are equally good."""
        output = self.work / "best.jsonl"
        words = [sys.executable, "-m", "batchcls", "run", str(images), "--top", "1", "--fresh"]
        words += ["--model", str(self.mobilenet), "--output", str(output), "--progress", "none"]
        subprocess.run([*words, *extra.split()], check=True, cwd=ROOT)
        with output.open() as lines:
            return [json.loads(line)["top"][0]["index"] for line in lines]

    def bench(self, images: Path, model: str) -> None:
        """`batchcls bench`, and the coordinator's and workers' processor time per image."""
        words = [sys.executable, "-m", "batchcls", "bench", model, str(images), "--json"]
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True, cwd=ROOT)
        found = json.loads(done.stdout)
        whole, parts = found["whole"], found["preparation"]
        print(
            f"images/s {whole['fps']:.1f}, bound {found['bound']:.1f}, ratio {found['ratio']:.3f}"
        )
        spent = ", ".join(f"{k} {1000 * parts[k]:.0f}" for k in ("read", "decode", "preprocess"))
        print(
            f"processor µs per image: workers {1000 * whole['worker_ms']:.0f} "
            f"(one core alone: {spent}), coordinator {1000 * whole['coordinator_ms']:.1f}"
        )

    def row(self, name: str) -> None:
        """Measure and print one row."""
        print(f"\n## {name}\n", flush=True)
        if name.startswith("large"):
            self.large(int(name[5:]))
        elif name == "small":
            builtin = str(ROOT / "batchcls/builtin/photo_quality.xml")
            self.bench(pictures.small(self.work / "small", 500), builtin)
        elif name == "bench":
            self.bench(self.photos, str(self.mobilenet))
        else:
            getattr(self, f"{name}_row")()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = ROOT.parent / "shared"
    parser.add_argument("--data", type=Path, default=shared / "data", help="photos and models")
    parser.add_argument("--peers", type=Path, default=shared / "peers", help="the peers' scripts")
    parser.add_argument("--rows", default=",".join(ROWS), help=",".join(ROWS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", type=int, default=40, help="pictures of 12 megapixels")
    parser.add_argument(
        "--more-peers", default="", type=lambda text: text and "," + text, metavar="PEER,…",
        help="such as ort_procpool,torch_dataloader_ov:batch=8",
    )  # fmt: skip
    parser.add_argument(
        "--python", action="append", default=[], metavar="PEER=PATH",
        help="the interpreter of a peer whose packages are elsewhere",
    )  # fmt: skip
    arguments = parser.parse_args()
    rows = [row for row in arguments.rows.split(",") if row]
    if unknown := sorted(set(rows) - set(ROWS)):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    with tempfile.TemporaryDirectory(prefix="batchcls-performance-") as folder:
        suite = Suite(arguments, Path(folder))
        for row in rows:
            suite.row(row)


if __name__ == "__main__":
    main()
