"""Which files a model is, wherever it lies. No OpenVINO: both processes read this."""
