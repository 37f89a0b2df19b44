"""Films: schema, cleaning, credits, features, careers, splits."""
