"""ImageNet's classes: as everybody numbers them, and a label for each that is its own."""

from batchcls.model.builtin import imagenet
from batchcls.model.metadata import label_files


def test_there_are_a_thousand_classes_in_the_order_of_their_ids() -> None:
    names = imagenet.names()
    assert len(names) == 1000
    assert list(names) == sorted(names)
    assert (names["n01440764"], names["n02123045"]) == ("tench, Tinca tinca", "tabby, tabby cat")


def test_short_labels_tell_all_classes_apart_even_where_letter_case_does_not_count() -> None:
    labels = imagenet.short_labels()
    assert len({label.casefold() for label in labels}) == 1000
    assert not any("," in label or label != label.strip() for label in labels)
    assert (labels[0], labels[134], labels[517]) == ("tench", "crane (bird)", "crane (machine)")


def test_the_table_is_a_file_of_labels_too() -> None:
    assert label_files.read(imagenet.TABLE) == tuple(imagenet.names().values())
