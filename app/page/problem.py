"""What goes wrong on the page, as a page."""

from starlette.responses import HTMLResponse
from starlette.types import Scope

from app.page.pictures import render


def problem_page(
    scope: Scope, status: int, detail: str, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """The answer, as `problems.problem` gives it to programs."""
    html = render(
        "problem",
        root=scope.get("root_path", "") + "/ui",
        status=status,
        detail=detail,
        request_id=scope["request_id"],
    )
    return HTMLResponse(html, status, headers)
