"""The page alone, as a Hugging Face Space.

A Space is a repository whose README begins with these words; this file is what it runs:

    ---
    title: What will a film earn?
    sdk: gradio
    sdk_version: 6.31.0
    python_version: "3.11"
    app_file: app/space.py
    ---

It needs `app/`, `scripts/boxoffice/`, the folder `models/` that `dvc repro` writes, and a
`requirements.txt` with the packages of the category `serve`:

    pipenv requirements --categories serve > requirements.txt

To see it here: `python app/space.py`. Settings are those of the service, see `app/settings.py`.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]  # a Space runs this file and installs no project

from app import page  # noqa: E402
from app.media import Media  # noqa: E402
from app.settings import Settings  # noqa: E402
from boxoffice.forecasts.forecasts import Forecasts  # noqa: E402


def main() -> None:
    """Serve the page until it is stopped."""
    settings = Settings.from_env()
    demo = page.build(Forecasts(settings.models), Media(settings.models, settings.patience))
    demo.launch(favicon_path=page.ICON, max_file_size=settings.max_upload, **page.look())


if __name__ == "__main__":
    main()
