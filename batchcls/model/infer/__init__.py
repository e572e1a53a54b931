"""From pictures to scores: infer requests, layers' times, the best classes."""
