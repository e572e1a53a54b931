"""A bucket for each test."""

from collections.abc import Iterator

import pytest

from tests.support.bucket import Bucket, asked_by_us, bucket_server


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with bucket_server() as found, asked_by_us(found):
        yield found
