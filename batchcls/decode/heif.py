"""AVIF and HEIC: which parts of the file make its picture, how large they are, which way up.

Both are HEIF: a table of items, of which one is the picture, or a grid put together of others. A
file is what its primary picture was coded with, whatever its name and its brands say. Of a sequence
the still picture counts that stands before it.
"""

from batchcls.decode import av1, exif, hevc
from batchcls.decode.header import Edit, Format, Header, check_parts, check_size, corrupt, truncated
from batchcls.decode.heif_items import Item, Items
from batchcls.decode.iso_boxes import whole_boxes
from batchcls.errors import ImageError

CODED: dict[bytes, Format] = {b"av01": "avif", b"hvc1": "heic"}
DERIVED = frozenset({b"grid", b"iden", b"iovl"})
MONOCHROME = 0x10  # of the third byte of av1C
FULL_RANGE = b"\x80"  # of the last byte of colr
DEPTH = 4
"""Pictures put together of pictures put together of …"""
MAX_TILES = 2048
"""An iPhone's 48 megapixels are 192."""
PADDING = {b"av01": 0, b"hvc1": 64}
"""Pixels that a coded picture may have beside and below the shown one."""
SPARE = 2
"""Pixels of all parts, in pictures of the largest size: tiles stand over, and alpha is a part."""

TURNS = {(None, 0): 1, (0, 0): 4, (1, 0): 2, (None, 1): 8, (0, 1): 5, (1, 1): 7,
         (None, 2): 3, (0, 2): 2, (1, 2): 4, (None, 3): 6, (0, 3): 7, (1, 3): 5}  # fmt: skip
"""Axis of mirroring, and quarter turns anticlockwise before it → EXIF orientation."""


def read(data: bytes, max_pixels: int) -> Header:
    """Header of an AVIF or HEIF file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    boxes = whole_boxes(data)
    if b"meta" not in boxes:
        if b"moov" in boxes:
            raise corrupt("a sequence without a still picture")
        raise truncated("before its header")
    items = Items(data, boxes[b"meta"])
    primary = items.primary
    width, height = _size(primary)
    check_size(width, height, max_pixels)
    parts: list[Item] = []
    _add_coded(items, primary, max_pixels, parts)
    kinds = {CODED[part.kind] for part in parts}
    if len(kinds) != 1:
        raise corrupt("a picture of parts that are coded differently")
    (form,) = kinds
    alpha = [one for part in (primary, *parts) if (one := items.alpha_of(part))]
    for one in alpha:
        _add_coded(items, one, max_pixels, parts)
    _check_parts(items, parts, max_pixels)
    channels = 4 if alpha else 3
    said = _exif(items, primary)
    block = said if isinstance(said, bytes) else b""
    if form == "heic":  # its decoder crops and turns
        width, height = _cropped_and_turned(primary, width, height)
        return Header(form, width, height, channels=channels, alpha=bool(alpha), exif=block)
    return Header(
        form, width, height, channels=channels, alpha=bool(alpha), edits=_edits(data, items, alpha),
        orientation=_orientation(items, primary, said), exif=block,
        limited_gray=_is_limited_gray(primary, parts[0]),
    )  # fmt: skip


def _edits(data: bytes, items: Items, alpha: list[Item]) -> tuple[Edit, ...]:
    """What OpenCV must not see of an AVIF file.

    Of a sequence, the film, whose size no header tells. EXIF and XMP: where they lie behind the
    first 500 bytes, it does not know the file (OpenCV 5.0). Transparency, unless the colours depend
    on it: it fails on gray pictures with it.
    """
    film: tuple[Edit, ...] = ((8, 12, b"avif"),) if data[8:12] == b"avis" else ()
    dropped = () if items.is_premultiplied(items.primary) else alpha
    return film + items.without((b"Exif", b"mime"), dropped)


def _is_limited_gray(primary: Item, part: Item) -> bool:
    """Whether an AVIF's samples are gray from 16 to 235; without `colr` they are taken as full."""
    monochrome = part.first(b"av1C")[2:3]
    colours = primary.first(b"colr") or part.first(b"colr")
    gray = bool(monochrome and monochrome[0] & MONOCHROME)
    return gray and colours[:4] == b"nclx" and not colours[10:11] >= FULL_RANGE


def _size(item: Item) -> tuple[int, int]:
    for kind, body in item.properties:
        if kind == b"ispe" and len(body) >= 12:
            return int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big")
    raise corrupt("a picture whose size is not in the header")


def _add_coded(
    items: Items, item: Item, max_pixels: int, found: list[Item], depth: int = 0
) -> None:
    """Add what a picture is decoded from: itself, or the parts that it is put together of."""
    check_size(*_size(item), max_pixels)
    if item.kind in CODED:
        check_parts(len(found), MAX_TILES)
        found.append(item)
        return
    if item.kind not in DERIVED or depth == DEPTH:
        raise corrupt(f"a picture of the kind {item.kind.decode('latin-1')!r}")
    parts = [items.item(number) for number in items.parts_of(item)]
    if not parts:
        raise corrupt("a picture that is put together of nothing")
    if item.kind == b"grid":
        _check_grid(items, item, parts)
    for part in parts:
        _add_coded(items, part, max_pixels, found, depth + 1)


def _check_grid(items: Items, item: Item, parts: list[Item]) -> None:
    """Tiles of one size that cover the picture, and no more than that."""
    content = items.content(item)
    if len(content) < 8:
        raise corrupt("a grid without a size")
    step = 4 if content[1] & 1 else 2
    rows, columns = content[2] + 1, content[3] + 1
    size = tuple(int.from_bytes(content[at : at + step], "big") for at in (4, 4 + step))
    tiles = {_size(part) for part in parts}
    if size != _size(item) or len(parts) != rows * columns or len(tiles) != 1:
        raise corrupt("a grid that contradicts its header")
    for tile, whole, count in zip(tiles.pop(), size, (columns, rows), strict=True):
        if not tile * (count - 1) < whole <= tile * count:
            raise corrupt("a grid whose tiles do not cover it")


def _check_parts(items: Items, parts: list[Item], max_pixels: int) -> None:
    """Every part is there to its last byte, and no larger than it says."""
    left = SPARE * max_pixels
    for part in parts:
        width, height = _size(part)
        left -= width * height
        if left < 0:
            raise ImageError("too_large", f"parts of more than {SPARE * max_pixels} pixels")
        content = items.content(part)
        if part.kind == b"av01":
            sizes = av1.sizes(content)
        else:
            sizes = hevc.sizes(content, part.first(b"hvcC"))
        if not sizes:
            raise corrupt("a picture without its decoder's header")
        more = PADDING[part.kind]
        if any(wide > width + more or high > height + more for wide, high in sizes):
            wide, high = max(sizes)
            raise corrupt(f"{wide}x{high} pixels in a picture of {width}x{height}")


def _orientation(items: Items, item: Item, block: bytes | ImageError) -> int:
    """Of AVIF, as Pillow 13 has it: EXIF says nothing of it but that XMP is not asked."""
    turns = [body[0] & 3 for kind, body in item.properties if kind == b"irot" and body]
    mirrors = [body[0] & 1 for kind, body in item.properties if kind == b"imir" and body]
    said = TURNS[next(iter(mirrors), None), next(iter(turns), 0)]
    if said != 1:
        return said
    if isinstance(block, ImageError):
        raise block
    if exif.orientation(block) is not None:
        return 1
    return exif.upright(None, items.described_by(item, b"mime"))


def _exif(items: Items, item: Item) -> bytes | ImageError:
    """What there is of it, or why it cannot be read: no trouble where nothing depends on it."""
    try:
        block = items.described_by(item, b"Exif")
    except ImageError as error:
        return error
    return block[4 + int.from_bytes(block[:4], "big") :]


def _cropped_and_turned(item: Item, width: int, height: int) -> tuple[int, int]:
    """The size of a HEIC picture as its decoder gives it."""
    for kind, body in item.properties:
        if kind == b"irot" and body and body[0] & 1:
            width, height = height, width
        if kind == b"clap" and len(body) >= 16:
            values = [int.from_bytes(body[at : at + 4], "big") for at in (0, 4, 8, 12)]
            if values[1] and values[3]:
                width, height = values[0] // values[1], values[2] // values[3]
    return width, height
