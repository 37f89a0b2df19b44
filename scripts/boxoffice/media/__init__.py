"""Posters and trailers: files, decoding, encoders, embeddings."""
