"""From a model's files to a compiled model on each device, kept for the next start."""
