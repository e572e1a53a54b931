"""How fast it is and how fast it could be: parts measured apart, the limit, the best layout."""
