"""What is told at the end of a run, and of a run that another terminal started."""
