"""INT8 models by post-training quantisation, calibrated on a user's own images."""
