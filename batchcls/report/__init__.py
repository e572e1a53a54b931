"""What comes of results: they are judged, shown, corrected and handed on, and never changed."""
