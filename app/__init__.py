"""The service: forecasts over HTTP and on a web page."""

import os

__version__ = "0.1.0"
# Arrow's other pools keep what they once had; this one gives it back. Workers inherit the choice.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
