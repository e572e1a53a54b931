"""A page of this machine alone on which a person corrects the answers of a whole run."""
