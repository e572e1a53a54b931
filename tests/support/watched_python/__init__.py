"""On PYTHONPATH, where there is no C compiler: see `tests.support.network`."""
