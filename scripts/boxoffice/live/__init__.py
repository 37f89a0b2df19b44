"""Films that are coming: dated facts, the forecast log, its scores, and the models in use."""
