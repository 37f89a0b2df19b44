"""Audience engagement: the assignment's films, synthetic films, segments, hits."""
