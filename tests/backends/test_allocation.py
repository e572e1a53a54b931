"""A machine is divided so that processes do not fight for the same cores."""

from batchcls.backends.allocation import decide, device_names
from batchcls.backends.machine import Machine, this_machine
from batchcls.job.job import Job
from batchcls.wire.start import StartMessage


def test_device_strings_name_hardware() -> None:
    assert device_names(["HETERO:GPU.1,cpu", "AUTO", "MULTI:NPU(2),CPU"]) == {
        "GPU", "CPU", "AUTO", "NPU",
    }  # fmt: skip


def test_a_small_machine_gets_one_unpinned_single_thread_worker_per_core() -> None:
    layout = decide(Job(), Machine(cores=2))
    assert (layout.workers, layout.nthreads, layout.nstreams, layout.pin) == (2, 1, "1", False)
    assert layout.alternate


def test_a_large_machine_gets_few_workers_that_share_all_cores() -> None:
    layout = decide(Job(), Machine(cores=64))
    assert layout.workers == 8
    assert layout.workers * layout.nthreads == 64
    assert layout.decode_threads > 0
    assert not layout.alternate


def test_an_accelerator_gets_one_worker_with_decode_threads() -> None:
    job = Job(device=("HETERO:GPU,CPU",))
    layout = decide(job, Machine(cores=8, accelerators=frozenset({"GPU"})))
    assert (layout.workers, layout.decode_threads) == (1, 7)


def test_an_accelerator_that_is_not_there_changes_nothing() -> None:
    job = Job(device=("HETERO:GPU,CPU",))
    assert decide(job, Machine(cores=2)) == decide(Job(), Machine(cores=2))


def test_the_users_numbers_win() -> None:
    job = Job(workers=3, nireq=5, nthreads=2, nstreams="2", batch_size=4, decode_threads=1)
    layout = decide(job, Machine(cores=2))
    assert (layout.workers, layout.nireq, layout.nthreads, layout.nstreams) == (3, 5, 2, "2")
    assert (layout.batch_size, layout.decode_threads) == (4, 1)
    start = layout.start_message(job)
    assert StartMessage.from_json(start.to_json()) == start
    assert start.workers == 3


def test_one_worker_leaves_threads_and_pinning_to_openvino_and_has_more_requests_than_streams() -> (
    None
):
    layout = decide(Job(workers=1), Machine(cores=4))
    assert (layout.nthreads, layout.pin, layout.nireq) == (0, True, 8)


def test_under_a_quota_openvino_is_told_how_many_threads_there_may_be() -> None:
    """It would start one for each of the host's processors, bound to the first of them."""
    layout = decide(Job(workers=1), Machine(cores=4, quota=True))
    assert (layout.nthreads, layout.pin, layout.nireq) == (4, False, 8)
    assert decide(Job(), Machine(cores=4, quota=True)) == decide(Job(), Machine(cores=4))


def test_this_machine_has_at_least_one_core() -> None:
    assert this_machine().cores >= 1


def test_a_single_core_takes_turns_and_keeps_the_requests_of_a_turn_within_its_batches() -> None:
    layout = decide(Job(batch_size=4), Machine(cores=1))
    assert (layout.workers, layout.nthreads, layout.alternate) == (1, 1, True)
    assert layout.nireq * layout.batch_size == 64
    assert decide(Job(batch_size=64), Machine(cores=1)).nireq == 1
