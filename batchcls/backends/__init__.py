"""Where workers run. `local` owns every process; `inline` works in this one, for tests."""
