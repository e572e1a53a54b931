"""One run: decide what is there, divide the machine, loop, end."""
