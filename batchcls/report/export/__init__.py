"""Results in the form that other programs read, whole or not at all; see README.md."""
