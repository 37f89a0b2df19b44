"""What will a film earn? The package behind the notebooks, the commands and the service."""
