"""Posters and trailers drawn from a film's facts, for those that can't be shipped."""
