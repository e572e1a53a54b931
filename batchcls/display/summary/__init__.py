"""What a run amounts to at its end: figures, the bottleneck, what to do next, layers."""
