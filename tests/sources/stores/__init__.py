"""Containers: listing, places, members."""
