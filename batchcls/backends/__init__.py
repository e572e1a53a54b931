"""Where workers run, and how a machine is divided among them."""
