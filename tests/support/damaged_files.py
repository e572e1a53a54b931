"""Damaged files, reproducible from a seed, and a program that decodes many of them.

The program's process may die of one: it writes the seed down first, so the survivor knows which.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.support.tree import ROOT

KINDS = {"ok", "not_image", "truncated", "corrupt", "too_large", "out_of_memory"}
SEED = 20_261_124

MAX_PIXELS = 4_000_000
"""A damaged header may ask for any size; what is within the limit is decoded, so keep it low."""


def originals() -> dict[str, list[bytes]]:
    """Files to damage, by format."""
    from tests.support.golden_files import GOLDENS

    found: dict[str, list[bytes]] = {}
    for name, golden in GOLDENS.items():
        if "exif" not in name or name.endswith("6"):
            found.setdefault(name.split()[0], []).append(golden.data)
    return found


def damaged(files: list[bytes], seed: int) -> bytes:
    """A damaged file: flipped bits, other bytes, moved, cut out, doubled and spliced blocks."""
    rng = random.Random(seed)
    data = bytearray(rng.choice(files))
    magic = bytes(data[:8]) if rng.random() < 0.9 else b""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data))
        size = min(rng.choice((1, 2, 4, 16, 64, 256)), len(data) - at)
        block = bytes(data[at : at + size])
        match rng.randrange(8):
            case 0 | 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 3:
                data[at : at + size] = rng.choice((b"\0", b"\xff")) * size
            case 4:
                del data[at : at + size]
                data = data or bytearray(1)
            case 5:
                data[at:at] = block
            case 6:
                other = rng.randrange(len(data))
                data[other : other + size], data[at : at + size] = (
                    block,
                    bytes(data[other : other + size]),
                )
                data = data or bytearray(1)
            case _:
                stranger = rng.choice(files)
                cut = rng.randrange(len(stranger))
                data[at:] = stranger[cut:]
                data = data or bytearray(1)
    data[: len(magic)] = magic
    return bytes(data)


def decode_damaged(form: str, count: int, folder: Path, first: int = SEED) -> dict[str, int]:
    note = folder / "seed"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.support.damaged_files",
            form,
            str(first),
            str(count),
            str(note),
        ],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (
        f"status {done.returncode} at {form} file {note.read_text().strip()}: "
        f"{done.stderr.decode(errors='replace')[-2000:]}"
    )
    outcomes: dict[str, int] = json.loads(done.stdout)
    return outcomes


def main() -> None:
    form, first, count, note = sys.argv[1:]
    from batchcls.decode import limits
    from batchcls.decode.decode import decode
    from batchcls.decode.policy import DecodePolicy

    policy = DecodePolicy(max_pixels=MAX_PIXELS, raw=form.endswith(".dng"))
    limits.apply(policy)
    import cv2

    from batchcls.errors import ImageError

    cv2.setNumThreads(1)
    files = [Path(form).read_bytes()] if "/" in form else originals()[form]
    outcomes: Counter[str] = Counter()
    with Path(note).open("w+b", buffering=0) as file:
        for seed in range(int(first), int(first) + int(count)):
            file.seek(0)
            file.write(b"%d\n" % seed)
            try:
                pixels = decode(damaged(files, seed), policy)
            except ImageError as error:
                outcomes[error.kind] += 1
            else:
                assert pixels.ndim == 3
                assert 0 < pixels.size <= 3 * MAX_PIXELS
                outcomes["ok"] += 1
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
