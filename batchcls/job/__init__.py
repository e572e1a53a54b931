"""What is asked: one frozen value, its checks, its file."""
