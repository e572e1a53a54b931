"""Pages that a browser shows: HTML made here, one style sheet and one script beside it."""
