# The service with its web page, on http://localhost:8000 and http://localhost:8000/ui
#
#   docker build -t boxoffice .                        after `dvc repro` or `dvc pull`: it copies models/
#   docker build -t boxoffice --build-arg MEDIA=1 .    with poster and trailer models: torch, several GB
#   docker run --rm -p 8000:8000 boxoffice
#
# The image holds its models. Newer ones go in without a new image, as docker-compose.yml does:
#   docker run --rm -p 8000:8000 -v "$PWD/models:/srv/models:ro" boxoffice
#
# docs/deploy.md says how to put it on the internet.

FROM python:3.11-slim AS builder
WORKDIR /srv
ENV PIPENV_VENV_IN_PROJECT=1 \
    PIPENV_IGNORE_VIRTUALENVS=1 \
    PIPENV_VERBOSITY=-1
RUN --mount=type=cache,target=/root/.cache \
    python -m venv .pipenv && .pipenv/bin/pip install --quiet pipenv==2026.10.3
COPY Pipfile Pipfile.lock ./
ARG MEDIA=0
# Pip refuses a package whose hash is not the lock's.
RUN --mount=type=cache,target=/root/.cache \
    categories=serve; \
    if [ "$MEDIA" = 1 ]; then categories="serve media"; fi; \
    python -m venv .venv && .pipenv/bin/pipenv sync --categories "$categories"

FROM python:3.11-slim
WORKDIR /srv
# All that is ever written goes to /tmp, so the rest may be read-only.
ENV PATH=/srv/.venv/bin:$PATH \
    PYTHONPATH=/srv/scripts \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TMPDIR=/tmp
COPY --from=builder /srv/.venv .venv
COPY scripts/boxoffice scripts/boxoffice
COPY app app
# Not found? Run `dvc repro`, `dvc pull` or `make champion`. models/champion answers where there is one.
COPY models models
RUN python -m compileall -q app scripts
USER 10001:10001
# A missing, altered or unreadable model ends the build here, by name.
RUN python -c "from boxoffice.forecasts.forecasts import Forecasts; from boxoffice.live.versions import served_models; Forecasts(served_models())"
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000", "--no-access-log"]
