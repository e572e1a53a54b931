"""From pixels to the model's input tensor."""
