"""What git keeps of experiments, as people read it on GitHub: the gallery, and executed notebooks."""

import json
import re
import shutil
from urllib.parse import urlsplit

import pytest

from lambdist_lib import paths
from lambdist_lib.cli import main
from lambdist_lib.errors import RunError
from lambdist_lib.report import gallery, sentences

FOLDER = paths.root() / "results"
PAGE = FOLDER / "README.md"
NOTEBOOKS = sorted(FOLDER.glob("reference*/notebook.ipynb"))
MOST_BYTES = 1_000_000
RENDERED = {"text/plain", "text/markdown", "text/html", "image/png"}  # by GitHub, and it shows no others


def test_the_gallery_is_up_to_date():
    """Its text is what the folders beside it say."""
    assert PAGE.read_text(encoding="utf-8") == gallery.text(gallery.committed_results(FOLDER)), (
        "type `lambdist gallery`"
    )


def test_the_gallery_has_a_picture_a_sentence_and_a_stamp_of_each():
    found = gallery.committed_results(FOLDER)
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]

    assert len(parts) == len(found) == len(list(FOLDER.glob("reference*/")))
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    for one, part in zip(found, parts, strict=True):
        assert "\n\n".join(sentences.parts(one.summary["finding"])) in part
        assert f"**{one.summary['target']}**" in part
        [words] = re.findall(r"!\[([^]]{40,})\]\([\w./-]+\.png\)", part)
        assert one.summary["target"] in words


def test_the_gallerys_links_are_there():
    """Relative to its own folder, as GitHub follows them."""
    links = re.findall(r"\]\(([^)\s]+)\)", PAGE.read_text(encoding="utf-8"))

    assert links
    assert [link for link in links if urlsplit(link).scheme or not (FOLDER / link).is_file()] == []


def test_the_command_writes_the_gallery(tmp_path, monkeypatch, capsys):
    """Beside the results, whatever was there before."""
    [kept, *_] = gallery.committed_results(FOLDER)
    shutil.copytree(kept.folder, tmp_path / kept.folder.name, ignore=shutil.ignore_patterns("runs"))
    (tmp_path / "README.md").write_text("old")
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path))

    assert main.main(["gallery"]) == 0

    assert capsys.readouterr().out.startswith("1 results: ")
    [first, *_] = sentences.parts(kept.summary["finding"])
    assert first in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_a_folder_without_results_says_what_makes_some(tmp_path):
    with pytest.raises(RunError, match=r"`lambdist run FILE --id reference` makes one"):
        gallery.committed_results(tmp_path)

    (tmp_path / "reference").mkdir()
    with pytest.raises(RunError, match=r"summary\.json is (missing|damaged)"):
        gallery.committed_results(tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.parent.name)
def test_github_renders_an_executed_notebook_whole(path):
    """Small enough, PNG and plain tables only: no widget, no script, no drawing that GitHub leaves out."""
    content = json.loads(path.read_text(encoding="utf-8"))
    outputs = [one for cell in content["cells"] for one in cell.get("outputs", [])]
    shown = [one["data"] for one in outputs if "data" in one]

    assert path.stat().st_size < MOST_BYTES
    assert {kind for data in shown for kind in data} <= RENDERED
    html = " ".join("".join(data["text/html"]) for data in shown if "text/html" in data)
    assert re.findall(r"<(?:script|svg|iframe|link|object|embed)\b|\bsrc=|https?://", html) == []
    assert [one for one in outputs if one["output_type"] == "error"] == []
    assert [one for one in outputs if one.get("name") == "stderr"] == []


def test_notebooks_as_written_are_small():
    sizes = {path.name: path.stat().st_size for path in paths.notebooks().glob("*.ipynb")}

    assert sizes
    assert max(sizes.values()) < MOST_BYTES
