"""The service: forecasts over HTTP and on a page. It reads the package `boxoffice`, never back."""

import os

__version__ = "0.1.0"

# Before ONNX Runtime is loaded, for else it reports its use to its maker, over the network.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
