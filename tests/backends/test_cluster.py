"""What the driver makes of agents that fit, that do not, that fall silent, and that lie."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchcls.backends import cluster
from batchcls.backends.cluster import ClusterBackend
from batchcls.backends.fitness import versions
from batchcls.backends.transport import Arrival, Closed, Opened, Received
from batchcls.errors import ModelError, RefusedError, SetupError
from batchcls.images import Folder, ImageRef, Prediction
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.messages import (
    Answer,
    Answered,
    Event,
    Lease,
    MachineJoined,
    MachineLeftOut,
    MachineLost,
    RetireMachine,
    StartWorker,
    WorkerDied,
    WorkerReady,
)
from batchcls.results import record
from batchcls.results.echoes import Echo
from batchcls.wire import agents, protocol
from batchcls.wire.frames import frame
from batchcls.wire.start import StartMessage
from tests.support.wire import DESCRIPTION, Wire

IMAGE = ImageRef(0, "a.png")


class Driver:
    """A cluster's backend, its wire and its clock."""

    def __init__(self, known: Echo | None = None, **options: Any) -> None:
        self.wire = Wire()
        self.now = 0.0
        start = StartMessage(Job(sources=("x",), **options), Threads())
        self.backend = ClusterBackend(start, 60.0, self.wire, known, lambda: self.now)
        self.seen: list[Event] = []

    def hear(self, *arrivals: Arrival) -> list[Event]:
        self.wire.arrivals += arrivals
        return self.backend.events(0.0)

    def says(
        self, machine: int, kind: str, body: bytes | None = None, **content: Any
    ) -> list[Event]:
        return self.hear(Received(machine, agents.message(kind, body, **content)))

    def join(self, machine: int, workers: int = 2, **facts: Any) -> list[Event]:
        self.hear(Opened(machine))
        hello = {"host": f"node{machine}", "versions": versions(), **facts}
        return [
            *self.says(machine, "hello", **hello),
            *self.says(machine, "opened", workers=workers, share=1000),
        ]

    def ready(self, machine: int, worker: int = 0, **facts: Any) -> list[Event]:
        payload = protocol.encode("ready", description={**DESCRIPTION, **facts})
        return self.says(machine, "from", payload, w=worker)

    def at_work(self, machine: int, first: int) -> None:
        self.join(machine)
        self.backend.do(StartWorker(first))
        self.ready(machine)
        self.says(machine, "seen")
        self.backend.do(Lease(first, 7, (IMAGE,)))

    def wait(self, seconds: float, *speaking: int) -> list[Event]:
        events: list[Event] = []
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            events += self.hear(*(Received(machine, agents.BEAT) for machine in speaking))
        return events


@pytest.fixture
def driver() -> Driver:
    made = Driver()
    made.backend.look_for(lambda most, share: [])
    return made


def answers(image: ImageRef = IMAGE, lease: int = 7) -> bytes:
    line = record.ok_line(image, (Prediction(1, "x", 0.5),))
    return protocol.encode_answers(lease, [Answer(image.index, line)], None)


def test_machines_have_workers_of_their_own_numbers(driver: Driver) -> None:
    assert driver.join(1) == [MachineJoined(1, "node1", (0, 1), 1000)]
    assert driver.join(5, workers=3) == [MachineJoined(5, "node5", (2, 3, 4), 1000)]
    driver.backend.do(StartWorker(4))
    assert driver.wire.sent[5][-1][0] == {"t": "start", "w": 2}
    assert driver.backend.alive


def test_only_what_is_said_counts_as_spoken_to(driver: Driver) -> None:
    driver.at_work(1, 0)
    node = driver.backend._nodes[1]
    assert (node.was_spoken_to(), node.was_spoken_to()) == (True, False)
    driver.says(1, "from", answers(), w=0)
    assert not node.was_spoken_to(), "it gets a sign of life"


def test_a_worker_is_ready_once_its_machine_has_seen_the_sample(driver: Driver) -> None:
    driver.join(1)
    driver.backend.do(StartWorker(0))
    assert driver.ready(1) == []
    (event,) = driver.says(1, "seen")
    assert isinstance(event, WorkerReady)
    assert event.description["model"] == {"files": []}, "when files were written differs"


def test_answers_are_those_to_its_leases(driver: Driver) -> None:
    driver.at_work(1, 0)
    (event,) = driver.says(1, "from", answers(), w=0)
    assert isinstance(event, Answered)
    assert [answer.index for answer in event.answers] == [0]
    events = driver.says(1, "from", answers(), w=0)  # a second time
    assert events == [MachineLost(1, "answered a lease it does not hold; dropped")]
    assert driver.wire.dropped == [1]


@pytest.mark.parametrize(
    ("kind", "body", "content"),
    [
        ("from", answers(ImageRef(0, "b.png")), {"w": 0}),
        ("from", answers(), {"w": 1}),  # never started
        ("from", answers(), {"w": 99}),
        ("from", answers(), {"w": True}),
        ("from", b"rubbish", {"w": 0}),
        ("died", None, {"w": 0, "cause": "x", "timeout": False, "in_flight": [3], "stage": ""}),
        ("died", None, {"w": 0, "cause": "x", "timeout": 1, "in_flight": [], "stage": ""}),
        ("died", None, {"w": 0, "cause": 5, "timeout": True, "in_flight": [], "stage": ""}),
        ("died", None, {"w": 0, "cause": "x", "timeout": True, "in_flight": [], "stage": "?"}),
        ("opened", None, {"workers": 2}),
        ("counters", None, {"rows": 7}),
        ("hello", None, {"host": "x"}),
        ("need", None, {"parcel": 0, "file": 0, "start": 0}),
        ("whatever", None, {}),
    ],
)
def test_a_machine_that_breaks_the_protocol_is_dropped(
    driver: Driver, kind: str, body: bytes | None, content: dict[str, Any]
) -> None:
    driver.at_work(1, 0)
    (event,) = driver.says(1, kind, body, **content)
    assert isinstance(event, MachineLost)
    assert driver.wire.dropped == [1]


def test_what_is_not_made_of_messages_drops_it_too(driver: Driver) -> None:
    driver.at_work(1, 0)
    for data in (b"\xff\xff\xff\xff", frame(b"[]"), frame(b"{}"), frame(b"[" * 100_000)):
        made = Driver()
        made.join(1)
        assert isinstance(made.hear(Received(1, data))[0], MachineLost)


def test_deaths_are_told(driver: Driver) -> None:
    driver.at_work(1, 0)
    death = WorkerDied(0, "SIGSEGV", in_flight=(0,), stage="decode")
    (event,) = driver.hear(Received(1, agents.encode_death(0, death)))
    assert event == death
    driver.backend.do(StartWorker(0))
    assert driver.wire.sent[1][-1][0] == {"t": "start", "w": 0}


def test_a_silent_machine_is_lost_and_its_late_words_are_not_heard(driver: Driver) -> None:
    driver.at_work(1, 0)
    driver.at_work(2, 2)
    events = driver.wait(cluster.SILENCE_S - 1, 2)
    assert events == []
    assert driver.wait(3, 2) == [MachineLost(1, "silent for 30 s")]
    assert driver.wire.dropped == [1]
    assert driver.says(1, "from", answers(), w=0) == []
    driver.backend.do(Lease(0, 9, (IMAGE,)))  # was on its way: it is for nobody
    driver.backend.do(StartWorker(1))
    assert driver.join(3) == [MachineJoined(3, "node3", (4, 5), 1000)], (
        "numbers are never used again"
    )


def test_a_machine_that_looks_at_its_files_may_be_silent_for_longer(driver: Driver) -> None:
    driver.join(1)
    driver.backend.do(StartWorker(0))
    driver.hear(Opened(2))  # it looks whether the model is there
    assert driver.wait(cluster.LOOK_S - 1) == []
    driver.says(1, "seen")
    assert driver.wait(2, 1) == [MachineLeftOut("machine 2", "silent for 300 s")]
    assert driver.wait(cluster.SILENCE_S + 1) == [MachineLost(1, "silent for 30 s")]


def test_our_own_stall_is_not_their_silence(driver: Driver) -> None:
    driver.at_work(1, 0)
    driver.now += 3600  # the images were listed meanwhile
    assert driver.hear() == []
    assert driver.wait(cluster.SILENCE_S - 1) == []
    assert driver.wait(2) == [MachineLost(1, "silent for 30 s")]


def test_a_stream_that_ends_is_a_machine_that_is_gone(driver: Driver) -> None:
    driver.at_work(1, 0)
    assert driver.hear(Closed(1, "it ended")) == [MachineLost(1, "it ended")]


def test_a_retired_machine_is_ended_and_not_heard(driver: Driver) -> None:
    driver.at_work(1, 0)
    driver.backend.do(RetireMachine(1, "its images have vanished"))
    assert driver.wire.sent[1][-1][0] == {"t": "end"}
    assert driver.wire.dropped == [1]
    assert driver.says(1, "from", answers(), w=0) == []


def test_where_the_only_machine_cannot_load_others_may_still_come(driver: Driver) -> None:
    driver.join(1)
    driver.hear(Opened(2))
    driver.backend.do(RetireMachine(1, "no worker could load the model (SIGSEGV)"))
    driver.wait(cluster.LINGER_S + 1, 2)
    driver.hear(Closed(2, "cut off"))
    with pytest.raises(RefusedError, match="node1: no worker could load the model") as told:
        driver.wait(cluster.LINGER_S + 1)
    assert "machine 2: cut off" in str(told.value)


def left_out(events: list[Event]) -> MachineLeftOut:
    (found,) = [event for event in events if isinstance(event, MachineLeftOut)]
    return found


def test_other_versions_are_left_out_by_name(driver: Driver) -> None:
    driver.at_work(1, 0)
    other = {**versions(), "openvino": "2020.1"}
    driver.hear(Opened(2))
    event = left_out(driver.says(2, "hello", host="old", versions=other))
    assert event.name == "old"
    assert "openvino is 2020.1 there and" in event.reason
    assert driver.wire.dropped == [2]
    assert "open" not in [head["t"] for head, _ in driver.wire.sent.get(2, [])]


@pytest.mark.parametrize("theirs", [None, [], {}, {"batchcls": 5}])
def test_versions_that_are_not_told_are_others(driver: Driver, theirs: object) -> None:
    driver.at_work(1, 0)
    driver.hear(Opened(2))
    assert left_out(driver.says(2, "hello", host="old", versions=theirs)).name == "old"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"echo": {"CPU": "bb"}, "hardware": {"processor": "AVX512"}}, "this processor rounds"),
        ({"fingerprint": {"top": 2}}, "something else of the model: top"),
        ({"fingerprint": "?"}, "something else of the model"),
    ],
)
def test_a_machine_that_would_give_other_lines_is_left_out(
    driver: Driver, facts: dict[str, Any], reason: str
) -> None:
    driver.at_work(1, 0)
    driver.join(2)
    driver.says(2, "seen")
    driver.backend.do(StartWorker(2))
    events = driver.ready(2, **facts)
    event = left_out(events)
    assert event.name == "node2"
    assert reason in event.reason
    assert events[1:] == [MachineLost(2, event.reason)]
    assert driver.wire.dropped == [2]


def test_mixed_processors_are_taken_where_they_may_be() -> None:
    driver = Driver(mixed_processors=True)
    driver.backend.look_for(lambda most, share: [])
    driver.at_work(1, 0)
    driver.join(2)
    driver.says(2, "seen")
    driver.backend.do(StartWorker(2))
    (event,) = driver.ready(2, echo={"CPU": "bb"})
    assert isinstance(event, WorkerReady)
    assert event.description["echo"] == {"CPU": "bb"}, "the run notes it"


def test_an_earlier_sessions_echo_is_everybodys() -> None:
    driver = Driver(Echo(devices={"CPU": "bb"}))
    driver.backend.look_for(lambda most, share: [])
    driver.join(1)
    driver.says(1, "seen")
    driver.backend.do(StartWorker(0))
    driver.wire.expecting = False
    with pytest.raises(RefusedError, match="node1: this processor rounds differently"):
        driver.ready(1)


def test_who_is_ready_is_told_even_if_its_machine_is_left_out_at_once(driver: Driver) -> None:
    driver.join(1)
    for worker in (0, 1):
        driver.backend.do(StartWorker(worker))
        driver.ready(1, worker, fingerprint={"top": worker})
    ready, out, lost = driver.says(1, "seen")
    assert isinstance(ready, WorkerReady), "else a run waits for the first for ever"
    assert isinstance(out, MachineLeftOut)
    assert isinstance(lost, MachineLost)
    assert driver.wire.dropped == [1]


def test_a_model_that_changes_on_a_machine_costs_that_machine(driver: Driver) -> None:
    driver.at_work(1, 0)
    driver.backend.do(StartWorker(1))
    event = left_out(driver.ready(1, 1, model={"files": [["x", 2]]}))
    assert "changed there" in event.reason


def test_a_machine_that_says_it_cannot_is_left_out(driver: Driver) -> None:
    driver.at_work(1, 0)
    driver.join(2)
    events = driver.says(2, "unfit", reason="/photos/a.png is not there")
    assert left_out(events).reason == "/photos/a.png is not there"


def test_where_all_are_left_out_the_run_is_refused_with_the_reasons(driver: Driver) -> None:
    driver.join(1)
    driver.says(1, "unfit", reason="no images")
    assert driver.wait(cluster.LINGER_S - 1) == [], "others may be about to come"
    driver.join(2)
    driver.says(2, "unfit", reason="a full disk")
    with pytest.raises(RefusedError, match="\n  node1: no images\n  node2: a full disk"):
        driver.wait(cluster.LINGER_S + 1)


def test_what_a_machine_without_images_made_of_the_model_counts_for_nobody(driver: Driver) -> None:
    driver.join(1)
    driver.backend.do(StartWorker(0))
    assert driver.ready(1, echo={"CPU": "bb"}) == []
    driver.says(1, "unfit", reason="no images")
    driver.at_work(2, 2)
    (event,) = driver.says(2, "from", answers(), w=0)
    assert isinstance(event, Answered)
    alone = Driver()
    alone.join(1)
    alone.backend.do(StartWorker(0))
    alone.ready(1)
    alone.backend.look_for(lambda most, share: [])
    alone.wire.expecting = False
    with pytest.raises(RefusedError, match="node1: no images"):
        alone.says(1, "unfit", reason="no images")


def test_a_machine_whose_worker_refuses_is_left_out(driver: Driver) -> None:
    driver.at_work(1, 0)
    driver.join(2)
    driver.backend.do(StartWorker(2))
    refused = protocol.encode("refused", error="DeviceError", message="no device GPU here")
    events = driver.says(2, "from", refused, w=0)
    assert left_out(events).reason == "no device GPU here"
    assert events[1:] == [MachineLost(2, "no device GPU here")]


def test_what_every_machine_refuses_is_said_as_on_one(driver: Driver) -> None:
    driver.join(1)
    driver.backend.do(StartWorker(0))
    driver.wire.expecting = False
    refused = protocol.encode("refused", error="ModelError", message="m.xml takes 6 channels")
    with pytest.raises(ModelError, match="takes 6 channels"):
        driver.says(1, "from", refused, w=0)


def test_where_no_machine_comes_the_wait_ends(driver: Driver) -> None:
    assert driver.wait(cluster.ARRIVE_S - 1) == []
    with pytest.raises(SetupError, match="no machine came"):
        driver.wait(2)
    ended = Driver()
    ended.wire.expecting = False
    ended.wire.trouble = "`ssh node1` ended: exit status 255: Permission denied"
    with pytest.raises(SetupError, match="no machine came: `ssh node1` ended: exit status 255"):
        ended.hear()


def test_during_the_work_it_waits_for_others_but_not_for_ever(driver: Driver) -> None:
    driver.at_work(1, 0)
    driver.hear(Closed(1, "it ended"))
    driver.wait(cluster.ARRIVE_S - 1)
    assert driver.backend.alive == 1
    driver.wait(2)
    assert driver.backend.alive == 0


def test_it_waits_for_nobody_where_nobody_can_come(driver: Driver) -> None:
    driver.at_work(1, 0)
    driver.wire.expecting = False
    driver.hear(Closed(1, "it ended"))
    assert driver.backend.alive == 0


def test_a_model_is_sent_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text("<net/>")
    (tmp_path / "m.bin").write_bytes(bytes(range(256)) * 5000)
    driver = Driver(model=str(tmp_path / "m.xml"))
    driver.join(1)
    (opened, _), *_ = driver.wire.sent[1]
    (parcel,) = opened["parcels"]
    assert [(name, size) for name, size, _ in parcel["files"]] == [("m.xml", 6), ("m.bin", 1280000)]
    driver.says(1, "need", parcel=0, file=1, start=agents.PIECE)
    head, body = driver.wire.sent[1][-1]
    assert head["t"] == "piece"
    assert body == (tmp_path / "m.bin").read_bytes()[agents.PIECE :]
    for number, file in ((1, 0), (0, 2)):
        made = Driver(model=str(tmp_path / "m.xml"))
        made.join(1)
        assert isinstance(made.says(1, "need", parcel=number, file=file, start=0)[0], MachineLost)


def test_leases_carry_paths_and_no_bytes(driver: Driver) -> None:
    driver.at_work(1, 0)
    images = tuple(ImageRef(k, f"{k}.png", Folder("/photos")) for k in range(1, 3))
    driver.backend.do(Lease(0, 8, images))
    head, body = driver.wire.sent[1][-1]
    assert head == {"t": "to", "w": 0}
    message, _ = agents.parse(body)
    assert protocol.decode_lease(message) == (8, list(images))


def test_jobs_are_read_from_another_current_directory(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text("a\nb\n")
    driver = Driver(labels="labels.txt")
    driver.join(1)
    (opened, _), *_ = driver.wire.sent[1]
    job = Job.from_dict(opened["start"]["job"])
    assert job.labels == str(tmp_path / "labels.txt")
    assert replace(job, labels=None, sources=()) == Job()
