"""Drawn stand-ins for posters and trailers."""
