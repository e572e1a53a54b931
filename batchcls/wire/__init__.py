"""What goes over the pipe between a worker and its coordinator, at both ends."""
