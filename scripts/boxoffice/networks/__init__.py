"""Neural networks: layers, training, the poster model and the multimodal model."""
