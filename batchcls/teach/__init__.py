"""Teaches a model your own classes: features of examples, a head, an honest estimate."""
