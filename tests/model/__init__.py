"""Tests of `batchcls.model`, on tiny generated models."""
