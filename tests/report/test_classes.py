"""Which classes a name means; ImageNet's ids."""

import pytest

from batchcls.report.classes import Classes, imagenet


@pytest.mark.parametrize(
    ("name", "label", "same"),
    [
        ("tench, Tinca tinca", "tench,Tinca  tinca", True),
        ("tench", "tench, Tinca tinca", True),
        ("Tinca tinca", "tench, Tinca tinca", True),
        ("Tiger_Shark", "tiger shark", True),
        ("maillot, tank suit", "maillot, swimsuit", False),
        ("shark", "white shark", False),
        ("cat", "dog", False),
    ],
)
def test_names_and_synonyms(name: str, label: str, same: bool) -> None:
    assert Classes.of((label,)).named(name) == ({0} if same else set())
    assert Classes.of((name,)).named(label) == ({0} if same else set())


def test_a_whole_label_goes_before_a_synonym() -> None:
    classes = Classes.of(("maillot", "maillot, tank suit", "crane", "crane"))
    assert classes.named("maillot") == {0}
    assert classes.named("tank suit") == {1}
    assert classes.named("crane") == {2, 3}


def test_a_wordnet_id_in_front_is_a_name_too() -> None:
    classes = Classes.of(("n02510455", "n01440764 tench, Tinca tinca", "cat"))
    for name in ("n01440764", "n01440764-tench", "tench", "tench, Tinca tinca"):
        assert classes.named(name) == {1}
    assert classes.named("n02510455") == {0}
    assert classes.named("n00000001_cat") == {2}


def test_imagenets_own_classes() -> None:
    known = {"n01440764": 0, "n02012849": 134, "n03126707": 517, "tank suit": 639, "tench": 0}
    assert {name: imagenet().named(name) for name in known} == {n: {i} for n, i in known.items()}
    assert imagenet().named("crane") == {134, 517}
