"""README and docs/: sizes, links, and whatever they name exists."""

import re
import subprocess
import sys
from urllib.parse import unquote

import pytest

import figures
import run_notebook
from app.main import create_app
from app.settings import Settings
from boxoffice.core import paths

PAGES = [paths.ROOT / "README.md", *sorted((paths.ROOT / "docs").glob("*.md"))]
READMES = sorted((paths.RAW).glob("*/README.md"))
SERVICE = (paths.ROOT / "docs" / "service.md").read_text(encoding="utf-8")
MOST_BYTES = 8192  # of README.md
MOST_PICTURE = 200_000  # bytes
IMAGES = sorted((paths.ROOT / "docs" / "images").glob("*"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PARAM = re.compile(r"`([a-z]\w*\.[a-z]\w*)(?::[^`]*)?`|-S ([\w.]+)=")
# A path from the root, as code: `scripts/fetch.py`, or in a command.
FOLDERS = "app|data|docs|models|notebooks|reports|scripts|tests"
PATH = re.compile(rf"(?<![\w./<])((?:{FOLDERS})/[\w./-]*)")
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def named(page):
    return page.relative_to(paths.ROOT).as_posix()


def text_of(page):
    return page.read_text(encoding="utf-8")


def anchors(page):
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    """Local targets and anchors of a page's links and pictures."""
    for target in LINK.findall(text_of(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = unquote(target).partition("#")
            yield (page.parent / path if path else page), anchor


def test_the_readme_is_short():
    assert (paths.ROOT / "README.md").stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("page", PAGES + READMES, ids=named)
def test_local_links_lead_somewhere(page):
    for target, anchor in links(page):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target}#{anchor}"


def test_every_page_of_docs_is_linked_from_the_readme():
    linked = {target.resolve() for target, _ in links(paths.ROOT / "README.md")}
    assert set(PAGES[1:]) <= linked


@pytest.mark.parametrize("picture", IMAGES, ids=lambda path: path.name)
def test_pictures_are_small_and_shown(picture):
    assert picture.stat().st_size <= MOST_PICTURE
    assert any(picture == target.resolve() for page in PAGES for target, _ in links(page))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_exist_or_are_made_by_the_stages(page):
    text = re.sub(r"\]\([^)]*\)", "]", text_of(page))  # links have a test of their own
    missing = {path.rstrip(".") for path in PATH.findall(text)}
    missing = sorted(path for path in missing if not (paths.ROOT / path).exists())
    if missing:
        ignored = subprocess.run(
            ["git", "check-ignore", *missing], cwd=paths.ROOT, capture_output=True, text=True
        )
        if ignored.returncode > 1:
            pytest.skip("not a git checkout")
        assert sorted(ignored.stdout.split()) == missing


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_params_and_make_targets_exist(page):
    text, params = text_of(page), run_notebook.read_params()
    for name in {first or second for first, second in PARAM.findall(text)}:
        section, _, key = name.partition(".")
        if section in params:
            assert key in params[section], name
    makefile = (paths.ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z0-9-]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE), target


def test_service_lists_every_endpoint(models):
    paths_of = create_app(Settings(models=models, page=False)).openapi()["paths"]
    served = {(verb.upper(), path) for path, verbs in paths_of.items() for verb in verbs}
    assert set(re.findall(r"^\| `(\w+) (/\S*)`", SERVICE, re.MULTILINE)) == served


def test_service_lists_every_setting_and_its_default():
    rows = dict(re.findall(r"^\| `BOXOFFICE_(\w+)` \| ([^|]+) \|", SERVICE, re.MULTILINE))
    assert {name.lower() for name in rows} == set(Settings.__annotations__)
    for name, shown in rows.items():
        default = getattr(Settings(), name.lower())
        if name == "MODELS":
            assert f"`{default.relative_to(paths.ROOT)}`" in shown
        elif not isinstance(default, int | float):
            assert shown == ("none" if default is None else f"`{default}`")
        else:
            number, _, unit = shown.partition(" ")
            assert float(number) * UNITS.get(unit, 1) == default, name


# The figures


def test_the_pages_have_the_committed_figures():
    done = subprocess.run(
        [sys.executable, "scripts/figures.py", "--check"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_figure_that_was_edited_is_noticed_and_put_right(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "PAGES", {"page.md": {"count": lambda runs: "3 films"}})
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- count: start -->\n2 films\n<!-- count: end -->\nb\n")
    with pytest.raises(SystemExit, match=r"page\.md differs"):
        figures.main(check=True)
    figures.main(check=False)
    assert page.read_text() == "a\n<!-- count: start -->\n3 films\n<!-- count: end -->\nb\n"
    figures.main(check=True)


def test_a_page_without_its_markers_is_named():
    with pytest.raises(SystemExit, match=r"page\.md lacks the markers"):
        figures.rendered("text", {"count": "3"}, "page.md")


def measured_posters(over_mean, over_facts):
    """Metrics of posters whose gains have these lower ends, in all three tests."""
    gain = {
        "poster_over_mean": {"value": 0.02, "lower": over_mean, "upper": 0.1},
        "poster_over_facts": {"value": 0.02, "lower": over_facts, "upper": 0.1},
    }
    models = ("poster", "training_mean", "ridge", "facts", "facts_poster")
    result = {name: {"scores": {"loss": 0.2, "accuracy": 0.5, "roc_auc": 0.5}} for name in models}
    poster = {
        "media": "real",
        "row_filter": "revenue above $10,000,000",
        "rows": {"usable": 900, "with_poster": 100, "test": 10, "test_temporal": 11},
        "test": result["poster"]["scores"],
        "baselines": {name: result[name] for name in models[1:]},
        "temporal": result,
        "cv": result,
        "gain": dict.fromkeys(("random", "temporal", "cv"), gain),
    }
    return {"poster": poster}


def test_the_verdict_on_posters_says_whether_they_add_anything():
    nothing = figures.poster_verdict(measured_posters(0.01, -0.01))
    assert "beat the mean of the training films by more than chance in 3 of 3 tests" in nothing
    assert "improve on it by more than chance in 0 of 3 tests" in nothing
    assert nothing.endswith("So a poster adds nothing that these films could show.")
    something = figures.poster_verdict(measured_posters(-0.01, 0.01))
    assert "random, 10 films; latest, 11 films; each of 100 once" in something
    assert something.endswith("So a poster adds something.")


def test_the_poster_table_names_its_films_and_what_it_leaves_out():
    runs = {"some films": measured_posters(0.01, -0.01), "other films": {"poster": {"cv": {}}}}
    words = figures.poster_filters(runs)
    assert "some films: 100 of 900 usable films (revenue above $10,000,000)." in words
    assert "The posters of other films were last measured against other models" in words
    rows = [row for source, run in runs.items() for row in figures.poster_rows(source, run)]
    assert [row["held out"] for row in rows] == [
        "random, 10 films",
        "latest, 11 films",
        "each of 100 once",
    ]
    assert all(row["mean"] == "0.200" for row in rows)
