"""What several tests need."""

from pathlib import Path

import pytest

from boxoffice import paths


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that is measured on and never committed, in `shared/data` beside the checkout."""
    folder = paths.ROOT.parent / "shared" / "data"
    if not folder.exists():
        pytest.skip("the real TMDB 5000 files are not beside this checkout (../shared/data)")
    return folder
