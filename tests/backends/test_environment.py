"""What workers find in their environment."""

from batchcls.backends.environment import environment


def test_workers_import_this_batchcls_before_any_other() -> None:
    first, *rest = environment({"PYTHONPATH": "/elsewhere"})["PYTHONPATH"].split(":")
    assert rest == ["/elsewhere"]
    assert first != "/elsewhere"
    assert environment({})["PYTHONPATH"] == first


def test_numpy_starts_no_threads_of_its_own() -> None:
    found = environment({"OPENBLAS_NUM_THREADS": "8", "HOME": "/h"})
    assert found["OPENBLAS_NUM_THREADS"] == "1"
    assert found["HOME"] == "/h"
