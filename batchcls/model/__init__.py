"""Everything that touches OpenVINO: devices, loading, metadata, preprocessing, rings, scores."""
