"""Who works on what, what is tried again, in what order lines come out. Pure."""
