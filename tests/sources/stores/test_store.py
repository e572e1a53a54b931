"""What a store is opened with, and how often it is asked, without one."""

import sys
from pathlib import Path

import pytest

from batchcls.errors import ImageError, SetupError
from batchcls.sources.stores.pace import FIRST_S, LONGEST_S, Pace
from batchcls.sources.stores.store import opened, store_of


class Clock:
    """Time that passes when somebody sleeps."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_pauses_grow_while_a_store_refuses_and_end_when_it_answers() -> None:
    clock = Clock()
    pace = Pace(lambda: clock.now, clock.sleep)
    pauses = []
    for _ in range(10):
        before = clock.now
        pace.slow_down()
        pace.slow_down()  # another thread's refusal, for the same reason
        pace.wait()
        pauses.append(clock.now - before)
    assert FIRST_S / 2 <= pauses[0] <= FIRST_S
    assert LONGEST_S / 2 <= pauses[-1] <= LONGEST_S
    assert sum(pauses) < 10 * LONGEST_S
    for _ in range(8):
        pace.went_well()
    before = clock.now
    pace.wait()
    assert clock.now == before
    pace.slow_down()
    pace.wait()
    assert clock.now - before <= FIRST_S
    pace.slow_down()
    now = clock.now
    assert not pace.wait(now + FIRST_S / 10)
    assert clock.now == now, "nobody waits for what comes too late"


def test_without_obstore_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    opened.cache_clear()
    with pytest.raises(SetupError, match=r"s3://photos: .* run `pip install 'obstore>="):
        store_of("s3://photos")


def test_a_profile_is_read_where_the_environment_has_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    obstore = pytest.importorskip("obstore.store", reason="needs obstore and boto3")
    pytest.importorskip("boto3", reason="needs obstore and boto3")
    asked: dict[str, object] = {}
    monkeypatch.setattr(obstore, "from_url", lambda *_, **options: asked.update(options))
    shared = tmp_path / "credentials"
    shared.write_text("[mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = s\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setattr("batchcls.sources.stores.store.BACKOFF_S", ())
    opened.cache_clear()
    with pytest.raises(ImageError):  # what is opened here answers nothing
        store_of("s3://photos").find("a")
    provider = asked.pop("credential_provider")
    assert provider.credentials.access_key == "AKIAMINE"  # type: ignore[attr-defined]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    opened.cache_clear()
    with pytest.raises(ImageError):
        store_of("s3://photos").find("a")
    opened.cache_clear()
    assert "credential_provider" not in asked
