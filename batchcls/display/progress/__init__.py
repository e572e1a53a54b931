"""What a run has done so far, counted: the numbers behind every display."""
