"""Forecasts for one film or many, from the exported models."""
