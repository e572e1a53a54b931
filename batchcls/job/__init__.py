"""What a run is to do: one frozen value, its checks, its file."""
