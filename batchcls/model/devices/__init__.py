"""OpenVINO's core and its devices: which there are, which are meant, with how many threads."""
