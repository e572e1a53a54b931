"""What a model says of itself: preprocessing and labels, from whatever wrote it."""
