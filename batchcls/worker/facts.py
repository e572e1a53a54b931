"""What a record says of a file and its picture besides classes, as far as it is asked for."""

import hashlib
from collections.abc import Collection

from batchcls.images import Picture

OF_EXIF = frozenset({"captured", "camera", "gps"})


def facts_of(
    data: bytes, picture: Picture, wanted: Collection[str]
) -> dict[str, int | float | str]:
    """The facts that file and picture tell.

    Args:
        data: the file.
        wanted: of `batchcls.job.choices.FACTS`; those that scores tell are not made here.
    """
    # Sizes in full: the pixels may come at a reduced size.
    sizes = {"width": picture.width, "height": picture.height}
    facts: dict[str, int | float | str] = {
        name: size for name, size in sizes.items() if name in wanted
    }
    if "sha256" in wanted:
        facts["sha256"] = hashlib.sha256(data).hexdigest()
    if "phash" in wanted:
        from batchcls.model.preprocess.perceptual_hash import perceptual_hash  # only who asks

        facts["phash"] = perceptual_hash(picture.pixels)
    if not OF_EXIF.isdisjoint(wanted):
        from batchcls.decode import exif_facts  # likewise

        facts |= exif_facts.facts(picture.exif, wanted)
    return facts
