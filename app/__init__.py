"""The service: forecasts over HTTP and on a web page."""

__version__ = "0.1.0"
