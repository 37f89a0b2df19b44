"""Models of tables of features: transformers, pipelines, selection, scores, export."""
