"""The service: forecasts over HTTP and on a page. It reads the package `boxoffice`, never back."""

__version__ = "0.1.0"
