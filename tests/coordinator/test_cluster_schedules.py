"""Random schedules on several machines: each image once, in order, and nobody wrongly blamed."""

import random

import pytest

from batchcls.coordinator.policy import Policy
from batchcls.coordinator.suspects import SUSPICIOUS
from tests.support.cluster_world import ClusterWorld, Nature
from tests.support.world import lines

SCHEDULES = 300
SOAK = 20_000


def expected_line(world: ClusterWorld, index: int) -> bytes:
    if index in world.carried:
        return b"carried %d" % index
    if index in world.poison:
        return b"convicted %d worker_crash" % index
    if index in world.hangs:
        return b"convicted %d timeout" % index
    if index in world.lost:
        return b"lost %d" % index
    return b"failed %d" % index if index in world.fail else b"ok %d" % index


def random_world(seed: int) -> ClusterWorld:
    chance = random.Random(seed)
    total = chance.choice([1, 7, 40, 120, 250])

    def some(share: float) -> frozenset[int]:
        return frozenset(i for i in range(total) if chance.random() < share)

    poison = some(chance.choice([0, 0, 0.02]))
    hangs = some(chance.choice([0, 0, 0.02])) - poison
    natures: list[Nature] = ["honest", "honest", "liar", "liar", "sick", "unable"]
    return ClusterWorld(
        seed=seed,
        total=total,
        first=chance.choice([0, 0, total // 2]),
        poison=poison,
        killers=some(chance.choice([0, 0, 0.01])),
        hangs=hangs,
        fail=some(0.05),
        lost=some(chance.choice([0, 0.03])) - poison - hangs,
        carried=some(chance.choice([0, 0, 0.5])),
        ring=chance.choice([1, 3, 9]),
        list_after=chance.choice([0, 0, 3, 30]),
        natures=[chance.choice(natures) for _ in range(chance.choice([0, 1, 2, 5]))],
        sizes=chance.choice([(1,), (1, 2, 4), (6,)]),
        loss_rate=chance.choice([0, 0.002, 0.01]),
        late=chance.choice([0, 0.2]),
        policy=Policy(
            chunk=chance.choice([1, 4, 64]), window=lines(chance.choice([4, 40])),
            systemic=chance.choice([20, 40]), tolerant=chance.choice([False, True, True]),
        ),
    )  # fmt: skip


def check(world: ClusterWorld) -> None:
    assert world.halted is None
    assert world.coordinator.complete
    for index, line in enumerate(world.lines, world.first):
        expected = {expected_line(world, index)}
        if world.times_lost[index] >= SUSPICIOUS + world.policy.solo_deaths:
            expected.add(b"convicted %d worker_crash" % index)
        assert line in expected
    assert len(world.lines) == world.total - world.first
    assert not world.living
    assert not world.coordinator.remembered, "who was judged is forgotten"
    assert all(nature != "honest" for _, nature, _ in world.retired), world.retired


@pytest.mark.parametrize("block", range(5))
def test_each_image_is_recorded_once_and_nobody_is_wrongly_blamed(block: int) -> None:
    for seed in range(block * SCHEDULES // 5, (block + 1) * SCHEDULES // 5):
        world = random_world(seed)
        world.run()
        check(world)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_very_many_schedules() -> None:
    for seed in range(SCHEDULES, SCHEDULES + SOAK):
        world = random_world(seed)
        world.run()
        check(world)
