"""The graph of a model: finding its input and scores, and changes that leave answers alone."""
