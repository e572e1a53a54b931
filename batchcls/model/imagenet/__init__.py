"""EfficientNet-Lite0 with its ImageNet weights: read from a checkpoint, built as an IR, once."""
