"""Logs of the service and of uvicorn: one JSON object per line."""

import logging
import sys

import orjson
import structlog

PROCESSORS = [
    structlog.processors.add_log_level,
    structlog.processors.format_exc_info,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def service_log() -> structlog.typing.FilteringBoundLogger:
    """The service's log on standard output, configured for speed as structlog's manual advises."""
    return structlog.wrap_logger(
        structlog.BytesLogger(sys.stdout.buffer),
        processors=[*PROCESSORS, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    ).bind()


def tidy_server_log() -> None:
    """Write uvicorn's messages as JSON, too, and drop its line per request."""
    lines = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=PROCESSORS,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    for handler in logging.getLogger("uvicorn").handlers:
        handler.setFormatter(lines)
    requests = logging.getLogger("uvicorn.access")
    requests.handlers.clear()
    requests.propagate = False
