"""Owns what every row needs: pictures, models, and interleaved comparisons by the peers' driver."""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.performance import pictures
from jobs.performance.table import Round

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = "sync_loop,sample_async,procpool"
LARGE = 300
MEMORY_EVERY_S = 2.0
"""The driver looks through all processes for it: every quarter of a second, as it would by itself,
that takes one to two percent from the programs that are measured, and nothing from the bound, which
is the best of three passes. No row takes its memory from there."""
QUICK = 40
"""Photos where it is only to be seen that everything works (`--quick`)."""

LIKE_PEERS = (
    "--reverse-input-channels --mean-values [123.675,116.28,103.53] "
    "--scale-values [58.395,57.12,57.375]"
)
"""What the peers do to an image on its way into a model of floats."""


class Suite:
    """One run of the suite.

    Args:
        arguments: of the command line.
        work: folder for what it makes.
    """

    def __init__(self, arguments: argparse.Namespace, work: Path) -> None:
        self.quick: bool = arguments.quick
        self.rounds: int = 1 if self.quick else arguments.rounds
        self.arguments = arguments
        self.work = work
        self.kept: Path = arguments.pictures
        self.photos: Path = arguments.data / "photos"
        self.mobilenet: Path = arguments.data / "models" / "mobilenet_v2_1.0_224_quant.tflite"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(work / "cache"),  # compiled models: ours, and cold at first
        }

    def light(self, name: str) -> Path:
        """A model that comes with the package `onnx` (weights made up; its speed is real)."""
        import onnx

        return Path(onnx.__file__).parent / "backend/test/data/light" / f"light_{name}.onnx"

    def native(self) -> str:
        """What OpenVINO, left alone, computes float models in on this processor."""
        asked = (
            "import openvino as o; print(o.Core().get_property('CPU', 'INFERENCE_PRECISION_HINT'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", asked], stdout=subprocess.PIPE, text=True, check=True
        )
        return next((s for s in ("bf16", "f16") if s in done.stdout.replace("bfloat", "bf")), "f32")

    def photos_times(self, times: int) -> Path:
        """The photos, so many times."""
        if self.quick:
            return self.first(self.photos, QUICK)
        folder = self.work / f"photos-x{times}"
        return folder if folder.exists() else pictures.repeated(self.photos, folder, times)

    def rounds_or(self, least: int) -> int:
        """Rounds of a row that needs more than others."""
        return 1 if self.quick else max(self.rounds, least)

    def first(self, folder: Path, count: int) -> Path:
        """The first files of a folder, as links."""
        few = self.work / f"{folder.name}-{count}"
        if not few.exists():
            few.mkdir()
            for path in sorted(folder.iterdir())[:count]:
                (few / path.name).symlink_to(path)
        return few

    def keep(self, name: str, make: Callable[[Path], object], *, of: str = "") -> Path:
        """What takes long to make, made once in the folder `--pictures`.

        Args:
            name: its file or folder.
            make: makes it at the path that it is given.
            of: what it depends on; something else is made anew.
        """
        digest = hashlib.sha256(of.encode()).hexdigest()[:8]
        stem, dot, ending = name.partition(".")
        wanted = self.kept / f"{stem}-{digest}{dot}{ending}"
        if not wanted.exists():
            self.kept.mkdir(parents=True, exist_ok=True)
            self.log(f"making {wanted}")
            being_made = self.kept / f"being-made-{os.getpid()}-{stem}"
            being_made.mkdir()
            make(being_made / wanted.name)
            for path in being_made.iterdir():  # a model is two files
                path.rename(self.kept / path.name)
            being_made.rmdir()
        return wanted

    def large(self, quality: int) -> Path:
        """12-megapixel JPEGs."""
        count = 4 if self.quick else LARGE
        return self.keep(
            f"large{quality}x{count}",
            lambda path: pictures.twelve_megapixels(self.photos, path, count, quality),
            of=Path(pictures.__file__).read_text(encoding="utf-8"),
        )

    def log(self, text: str) -> None:
        """Say what is going on."""
        print(text, file=sys.stderr, flush=True)

    def ours(
        self,
        extra: str = "",
        *,
        model: Path | None = None,
        terminal: bool = False,
        before: bool = False,
    ) -> str:
        """The driver's command for batchcls.

        Args:
            extra: options of `batchcls run`.
            model: instead of the comparison's.
            terminal: with its dashboard, on one.
            before: of the earlier build that `--before` names, if any.
        """
        root = (before and self.arguments.before) or ROOT
        # Isolated and without `site`: this wrapper is not what is measured.
        words = [sys.executable, "-I", "-S", str(HERE / "timed_run.py")]
        shown = " --pty" if terminal else ""
        given = shlex.quote(str(model)) if model else "{model}"
        return (
            f"PYTHONPATH={shlex.quote(str(root))} {shlex.join(words)}{shown} "
            f"{{out}} {{images}} --model {given} {extra}"
        )

    def compare(
        self,
        images: Path,
        model: Path,
        peers: str,
        commands: Mapping[str, str],
        *,
        f32: bool = True,
        rounds: int = 0,
        limit: int = 0,
    ) -> dict[str, list[Round]]:
        """One interleaved comparison by the peers' own driver; each name's rounds.

        Args:
            images: a folder of JPEGs.
            model: for all.
            peers: names of peers, "bound" among them.
            commands: others, as `ours` makes them.
            f32: every OpenVINO of the peers computes in f32, as batchcls does.
            rounds: instead of `--rounds`.
            limit: the first so many images.
        """
        if self.arguments.peers is None:
            raise SystemExit("--peers FOLDER is missing: where the peers' scripts are")
        told = self.work / "rounds.json"
        words = [sys.executable, str(self.arguments.peers / "compare.py"), "--json", str(told)]
        words += ["--images", str(images), "--model", str(model), "--peers", peers]
        words += ["--rounds", str(rounds or self.rounds), "--limit", str(limit)]
        words += ["--interval", str(MEMORY_EVERY_S)]
        for name, command in commands.items():
            words += ["--command", f"{name}={command}"]
        for python in self.arguments.python:
            words += ["--python", python]
        environment = dict(self.environment)
        environment["PYTHONPATH"] = str(HERE / "f32") if f32 else ""
        told.unlink(missing_ok=True)
        subprocess.run(words, check=True, env=environment, stdout=sys.stderr)
        found: dict[str, list[Round]] = json.loads(told.read_text(encoding="utf-8"))
        for name, rounds_of in found.items():
            if any(one.get("complete") is False for one in rounds_of):
                raise SystemExit(f"{name}: some images have no line, or more than one")
            if name in commands and len(rounds_of) < (rounds or self.rounds):
                raise SystemExit(f"{name} failed; see above")
        return found

    def batchcls(self, words: Sequence[str]) -> str:
        """What a command of batchcls prints."""
        done = subprocess.run(
            [sys.executable, "-m", "batchcls", *words],
            stdout=subprocess.PIPE, text=True, check=True, cwd=self.work, env=self.environment,
        )  # fmt: skip
        return done.stdout

    def tops(self, images: Path, model: Path, *options: str) -> dict[str, int]:
        """The best class of every image."""
        out = self.work / "tops.jsonl"
        words = ["run", str(images), "-m", str(model), "-o", str(out), "--fresh"]
        self.batchcls([*words, "--progress", "none", *options])
        found: dict[str, int] = {}
        for text in out.read_text(encoding="utf-8").splitlines():
            record: dict[str, Any] = json.loads(text)
            found[record["path"]] = record["top"][0]["index"]
        return found
