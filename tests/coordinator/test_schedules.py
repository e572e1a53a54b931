"""Thousands of random schedules: every image once, in order, and only culprits blamed."""

import random

import pytest

from batchcls.coordinator.policy import Policy
from batchcls.messages import Event
from tests.support.world import SimulatedWorker, World, lines

pytestmark = pytest.mark.runs


def expected_line(world: World, index: int) -> bytes:
    if index in world.carried:
        return b"carried %d" % index
    if index in world.poison:
        return b"convicted %d worker_crash" % index
    if index in world.hangs:
        return b"convicted %d timeout" % index
    return b"failed %d" % index if index in world.fail else b"ok %d" % index


def random_world(seed: int) -> World:
    chance = random.Random(seed)
    total = chance.choice([1, 2, 7, 40, 120])
    indices = range(total)

    def some(share: float) -> frozenset[int]:
        return frozenset(i for i in indices if chance.random() < share)

    poison = some(chance.choice([0, 0, 0.02, 0.2]))
    return World(
        seed=seed,
        total=total,
        first=chance.choice([0, 0, total // 2]),
        workers=chance.choice([1, 2, 5]),
        poison=poison,
        hangs=some(chance.choice([0, 0, 0.05])) - poison,
        fail=some(0.1),
        carried=some(chance.choice([0, 0, 0.5])),
        ring=chance.choice([1, 3, 9]),
        list_after=chance.choice([0, 0, 3]),
        policy=Policy(
            chunk=chance.choice([1, 4, 64]), window=lines(chance.choice([4, 40])), tolerant=True
        ),
    )


def check(world: World) -> None:
    assert world.halted is None
    assert world.coordinator.complete
    assert world.lines == [expected_line(world, i) for i in range(world.first, world.total)]
    assert not world.living
    assert not world.coordinator.remembered, "who was judged is forgotten"
    culprits = world.poison | world.hangs
    # Whoever dies dies at most once in company for each culprit beside it, and twice alone.
    assert all(count <= 3 for count in world.deaths.values()), world.deaths
    assert set(world.deaths) <= culprits
    # What waits in memory: the window, what was leased when it became full, and carried lines
    # among it, in part as packs of a single line.
    leased = world.workers * world.policy.leases * world.policy.chunk
    assert world.held <= world.policy.window + lines(2 * leased)


@pytest.mark.parametrize("block", range(10))
def test_random_schedules_record_each_image_once_and_blame_only_culprits(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        world = random_world(seed)
        world.run()
        check(world)


def test_random_deaths_from_outside_lose_nothing_and_convict_nobody_often() -> None:
    wrongly = images = 0
    for seed in range(1000):
        policy = Policy(8, lines(40), start_deaths=99)
        world = World(seed=seed, total=80, workers=3, death_rate=0.02, policy=policy)
        world.run()
        assert world.halted is None
        assert [int(line.split()[1]) for line in world.lines] == list(range(80))
        assert not world.coordinator.remembered, "who was judged is forgotten"
        wrongly += sum(line.startswith(b"convicted") for line in world.lines)
        images += 80
    # Two kills from outside must hit the same image alone: about death_rate squared per suspect.
    assert wrongly / images < 1e-3


def test_a_drained_run_is_a_prefix() -> None:
    for seed in range(500):
        world = World(
            seed=seed, total=100, workers=2, drain_after=random.Random(seed).randrange(60)
        )
        world.run()
        assert world.halted is None
        assert not world.living
        assert world.lines == [expected_line(world, i) for i in range(len(world.lines))]


def test_when_the_canary_dies_too_the_run_halts_without_a_conviction() -> None:
    for seed in range(300):
        world = World(seed=seed, total=50, poison=frozenset(range(50)), broken=True)
        world.run()
        assert world.halted is not None
        assert "test image" in world.halted
        assert world.lines == []
        assert world.starts <= 12


def test_when_no_image_survives_but_the_canary_does_the_run_halts_without_lines() -> None:
    for seed in range(300):
        world = World(seed=seed, total=50, poison=frozenset(range(50)))
        world.run()
        assert world.halted is not None
        assert "--max-failed" in world.halted
        assert world.lines == []


def test_a_short_list_of_nothing_but_poison_is_recorded() -> None:
    world = World(seed=1, total=3, poison=frozenset(range(3)))
    world.run()
    check(world)


def test_a_tolerant_run_goes_through_nothing_but_poison() -> None:
    world = World(
        seed=1, total=30, poison=frozenset(range(30)), policy=Policy(8, lines(40), tolerant=True)
    )
    world.run()
    check(world)


def test_workers_that_never_get_ready_halt_the_run() -> None:
    world = World(seed=3, workers=3, never_ready=True)
    world.run()
    assert world.halted is not None
    assert "load the model" in world.halted
    assert world.starts == 3, "it may be the model that kills them"
    assert world.lines == []


def test_a_worker_above_its_memory_bound_is_replaced_between_leases() -> None:
    world = World(seed=5, total=64, rss=1000, policy=Policy(8, lines(40), max_rss=500))
    world.run()
    check(world)
    assert world.starts > 4
    assert world.stops == world.starts


def test_a_bound_below_what_a_worker_begins_with_does_not_replace_one_after_the_other() -> None:
    class Steady(World):
        def work(self, number: int, process: SimulatedWorker) -> Event | None:
            process.rss = 1200  # a quarter of growth is not enough
            return super().work(number, process)

    world = Steady(seed=5, total=64, rss=1, policy=Policy(8, lines(40), max_rss=500))
    world.run()
    check(world)
    assert world.starts == 2


def test_carried_lines_are_recorded_in_bounded_batches() -> None:
    policy = Policy(8, lines(2000))
    world = World(seed=7, total=5000, carried=frozenset(range(5000)) - {4990}, policy=policy)
    world.run()
    check(world)
    assert world.held <= lines(2 * world.policy.chunk), "nothing was in their way"


def test_carried_lines_that_must_wait_are_taken_only_until_the_window_is_full() -> None:
    world = World(seed=7, total=5000, carried=frozenset(range(5000)) - {2500})
    world.run()
    check(world)
    assert world.held <= world.policy.window + lines(2 * world.policy.chunk)


def test_when_the_storage_goes_away_the_run_halts_and_keeps_hardly_a_line_of_it() -> None:
    for seed in range(50):
        policy = Policy(8, lines(1000), systemic=30)
        world = World(seed=seed, total=500, lost=frozenset(range(200, 500)), policy=policy)
        world.run()
        assert world.halted is not None
        assert "vanished" in world.halted
        assert world.lines[:200] == [b"ok %d" % i for i in range(200)]
        # What was answered before the last good image of a lease of the same time.
        assert len(world.lines) <= 200 + 2 * 2 * 8


def test_scattered_losses_are_lines_like_any_other() -> None:
    for seed in range(50):
        lost = frozenset(range(0, 400, 2)) | frozenset(range(380, 400))
        world = World(seed=seed, total=400, lost=lost, policy=Policy(8, lines(60), systemic=40))
        world.run()
        assert world.halted is None
        assert world.lines == [b"lost %d" % i if i in lost else b"ok %d" % i for i in range(400)]


def test_a_tolerant_run_goes_through_a_lost_storage() -> None:
    lost = frozenset(range(100))
    policy = Policy(8, lines(60), systemic=10, tolerant=True)
    world = World(seed=1, total=100, lost=lost, policy=policy)
    world.run()
    assert world.halted is None
    assert world.lines == [b"lost %d" % i for i in range(100)]
