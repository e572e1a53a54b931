"""AVIF and HEIC files that ask for much; each is refused before a decoder is asked."""

import struct
from collections.abc import Callable

from tests.support.heif_files import (
    ALPHA,
    AV1C,
    CODED,
    Extra,
    Item,
    av1_sequence,
    box,
    full,
    grid,
    heif,
    hevc_sequence,
    hvcc,
    ispe,
    obu,
    picture,
)

Builder = Callable[[], bytes]
MILLION = 1_000_000
LARGE = 16_000


def shared(form: str) -> dict[str, Builder]:
    """What can be done with the structure that both have in common."""
    kind = CODED[form]
    small = picture(form, 64, 64)

    def one(item: Item, extra: Extra | None = None) -> bytes:
        return heif(form, [item], extra)

    def derived(name: bytes, size: int, to: list[int], content: bytes = b"") -> Item:
        return Item(name, content or bytes(8), (ispe(size, size),), ((b"dimg", to),))

    return {
        "of 65535x65535": lambda: one(picture(form, 65_535, 65_535)),
        "of 4294967295x1": lambda: one(picture(form, 2**32 - 1, 1, (8, 8))),
        "of 0x0": lambda: one(picture(form, 0, 0, (8, 8))),
        "of 8x8 that is 65535x65535": lambda: one(picture(form, 8, 8, (65_535, 65_535))),
        "of 8x8 that is 13000x13000": lambda: one(picture(form, 8, 8, (13_000, 13_000))),
        "with an alpha of 65535x65535": lambda: heif(form, [
            small,
            Item(kind, small.content, (ispe(65_535, 65_535), *small.properties[1:], ALPHA),
                 ((b"auxl", [1]),)),
        ]),
        "of a grid of 65535x65535": lambda: heif(form, [
            derived(b"grid", 65_535, [2], grid(1, 1, 65_535, 65_535)), small,
        ]),
        "of a grid of 65536 tiles": lambda: heif(form, [
            derived(b"grid", 64 * 256, [2] * 65_535, grid(256, 256, 64 * 256, 64 * 256)), small,
        ]),
        "of a grid of a giant's corner": lambda: heif(form, [
            derived(b"grid", 64, [2, 2, 2, 2], grid(2, 2, 64, 64)), picture(form, LARGE, LARGE),
        ]),
        "of a grid of giants": lambda: heif(form, [
            derived(b"grid", 13_000, [2], grid(1, 1, 13_000, 13_000)),
            derived(b"iovl", 13_000, [3] * 1000),
            picture(form, 13_000, 13_000),
        ]),
        "of a grid that lies": lambda: heif(form, [
            derived(b"grid", 64, [2], grid(1, 1, 2**32 - 1, 2**32 - 1)), small,
        ]),
        "of itself": lambda: one(derived(b"iden", 64, [1])),
        "of overlays of overlays": lambda: heif(form, [
            *(derived(b"iovl", 64, [number] * 200) for number in (2, 3, 4)), small,
        ]),
        "of nothing": lambda: one(derived(b"iden", 64, [])),
        "of a million items": lambda: one(small, Extra(
            infes=full(b"infe", struct.pack(">HH4sx", 9, 0, kind), version=2) * MILLION)),
        "of a million references": lambda: one(small, Extra(
            refs=box(b"dimg", struct.pack(">HHH", 1, 1, 1)) * MILLION)),
        "of a million boxes": lambda: one(small, Extra(boxes=box(b"free") * MILLION)),
        "of a million boxes before": lambda: one(small, Extra(before=box(b"free") * MILLION)),
        "of extents that overlap": lambda: one(
            Item(kind, bytes(1 << 20), small.properties, (), [(0, 1 << 20)] * 4000)),
        "of a million extents": lambda: one(
            Item(kind, small.content, small.properties, (), [(0, 1)] * 65_535)),
        "of bytes far away": lambda: one(
            Item(kind, small.content, small.properties, (), [(2**63, 2**63)])),
        "of a box of 2^63 bytes": lambda: heif(form, [small], Extra(
            before=b"\0\0\0\1free" + struct.pack(">Q", 2**63))) [: 1 << 20],
        "of a box of 4 GB": lambda: one(small, Extra(boxes=b"\xff\xff\xff\xffuuid")),
    }  # fmt: skip


def av1(content: bytes) -> bytes:
    return heif("avif", [Item(b"av01", content, (ispe(64, 64), AV1C))])


def hevc(content: bytes, *units: bytes) -> bytes:
    return heif("heic", [Item(b"hvc1", content, (ispe(64, 64), hvcc(*units)))])


SEQUENCE, SET = av1_sequence(64, 64), hevc_sequence(64, 64)

REFUSED: dict[str, Builder] = {
    **{f"{form} {name}": make for form in CODED for name, make in shared(form).items()},
    "avif of a million units": lambda: av1(SEQUENCE + obu(15, b"") * MILLION),
    "avif of 4,000 frames": lambda: av1(SEQUENCE + obu(6, bytes(8)) * 4000),
    "avif of a length without end": lambda: av1(SEQUENCE + b"\x32" + b"\xff" * MILLION),
    "avif of a second, giant sequence": lambda: av1(SEQUENCE + av1_sequence(65_535, 65_535)),
    "avif without a sequence": lambda: av1(obu(6, bytes(64))),
    "avif that is only a film": lambda: box(b"ftyp", b"avis\0\0\0\0avis") + box(b"moov"),
    "heic of a million units": lambda: hevc(struct.pack(">I", 2) * MILLION, SET),
    "heic of a second, giant set": lambda: hevc(
        struct.pack(">I", len(SET)) + hevc_sequence(65_535, 65_535), SET
    ),
    "heic of a number without end": lambda: hevc(bytes(8), SET[:15] + bytes(1000)),
    "heic without a set": lambda: hevc(bytes(8)),
    "heic of a unit of 4 GB": lambda: hevc(b"\xff\xff\xff\xff", SET),
}  # fmt: skip
