"""What workers find in their environment: good defaults, and whatever the user set."""

from batchcls.backends.environment import KEPT, environment


def test_a_user_s_malloc_settings_win_and_ours_fill_the_gaps() -> None:
    found = environment({"MALLOC_TRIM_THRESHOLD_": "1", "HOME": "/h"})
    assert found["MALLOC_TRIM_THRESHOLD_"] == "1"
    assert found["MALLOC_MMAP_THRESHOLD_"] == str(KEPT)
    assert found["HOME"] == "/h"


def test_workers_import_this_batchcls_before_any_other() -> None:
    first, *rest = environment({"PYTHONPATH": "/elsewhere"})["PYTHONPATH"].split(":")
    assert rest == ["/elsewhere"]
    assert first != "/elsewhere"
    assert environment({})["PYTHONPATH"] == first


def test_numpy_starts_no_threads_of_its_own() -> None:
    assert environment({"OPENBLAS_NUM_THREADS": "8"})["OPENBLAS_NUM_THREADS"] == "1"
