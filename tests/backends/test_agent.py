"""When an agent ends: with its stream, and after its driver's last word, not before the first."""

import selectors
import time

import pytest

from batchcls.backends import agent
from batchcls.backends.agent import Agent
from batchcls.wire import agents

SHORT_S = 0.05


class Said:
    """A stream on which the driver says something, and which ends some time later."""

    def __init__(self, first: bytes, lasts_s: float) -> None:
        self._next = first
        self._until = time.monotonic() + lasts_s
        self.ended = False
        self.sent: list[bytes] = []

    def watch(self, selector: selectors.BaseSelector) -> None:
        pass

    def receive(self) -> bytes | None:
        if time.monotonic() > self._until:
            self.ended = True
            return None
        found, self._next = self._next, b""
        return found

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def flush(self) -> None:
        pass


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SILENCE_S", "BEAT_S", "TICK_S"):
        monkeypatch.setattr(agent, name, SHORT_S if name == "SILENCE_S" else SHORT_S / 10)


def test_a_driver_that_lists_its_images_first_is_waited_for() -> None:
    link = Said(b"", 4 * SHORT_S)
    Agent(link).run()
    assert link.ended
    assert agents.BEAT not in link.sent, "nobody reads yet"


def test_a_driver_that_has_spoken_and_falls_silent_is_not_waited_for() -> None:
    link = Said(agents.BEAT, 600.0)
    Agent(link).run()
    assert not link.ended
    assert agents.BEAT in link.sent


def test_even_the_first_word_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "GREETING_S", SHORT_S)
    link = Said(b"", 600.0)
    Agent(link).run()
    assert not link.ended
