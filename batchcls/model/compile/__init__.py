"""From a model's files to a compiled model on each device, cached for the next start."""
