"""The report: one offline file, accessible without eyes or mouse, with the summary's numbers."""

import json
import shlex
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tables as frames
from support.pages import Page
from support.written import written

from lambdist_lib import paths
from lambdist_lib.cli import main, parser
from lambdist_lib.deployment.templates import parameters
from lambdist_lib.errors import RunError
from lambdist_lib.formatting import spaced
from lambdist_lib.report import failures, html, reproduce, write
from lambdist_lib.report import source as report_source
from lambdist_lib.report.page import Page as Content
from lambdist_lib.report.page import Section
from lambdist_lib.report.table_model import Column, Table
from lambdist_lib.results import files
from lambdist_lib.runs.conditions import Conditions

MOST_BYTES = 2_000_000
REFERENCES = sorted(
    path for path in (paths.root() / "results").glob("reference*") if (path / "runs.csv").exists()
)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202eevil\u202c",
    "שלום",
    "👩‍🚀",
    "\ud800",
    "{{ page }}",
]


def rows(pairs=6, **columns):
    return frames.runs(pairs).assign(submitted=40, stored=40, dead=0, **columns)


@pytest.fixture
def pairs(tmp_path):
    """Six pairs of which each run has two dead datapoints."""
    return written(tmp_path / "pairs", rows().assign(stored=38, dead=2), dead=(3, 4), facts={})


def made(home, **options):
    """The report's facts, and the page itself."""
    facts = write.write_report(str(home), home / "report.html", **options)
    return facts, Page((home / "report.html").read_text(encoding="utf-8"))


def require_readable(home):
    facts, page = made(home)
    assert page.asked_for() == []
    assert page.unreadable() == []
    assert facts["bytes"] < MOST_BYTES
    stamps = [*page.text("caption"), *page.text("figcaption"), *page.text("h1"), *page.text("title")]
    others = ("AWS, published",)  # what the planner is compared with was measured by others
    assert [one for one in stamps if not any(who in one for who in (facts["target"], *others))] == []
    assert spaced(facts["headline"]) in " ".join(page.text("p"))
    return facts, page


@pytest.mark.parametrize("home", REFERENCES, ids=lambda path: path.name)
def test_a_committed_result_becomes_one_file(tmp_path, home):
    """Without runs, too: every figure of its folder is in it, with alt text from its numbers."""
    copy = shutil.copytree(home, tmp_path / home.name, ignore=shutil.ignore_patterns("report.html"))

    facts, page = require_readable(copy)

    assert facts["headline"] == json.loads((home / "summary.json").read_text(encoding="utf-8"))["finding"]
    assert len(page.alt_texts()) >= len(list(home.glob("*.png")))
    assert facts["warnings"] == []
    assert len(set(page.alt_texts())) == len(page.alt_texts())


def test_pairs_are_reported_with_the_summarys_numbers(pairs):
    """The ratio and its interval, in the table and in the words of the figure."""
    _, page = require_readable(pairs)

    [first, *_] = json.loads((pairs / "summary.json").read_text())["tables"]["speedup"]
    interval = f"{first['low']:.3g} to {first['high']:.3g}"
    assert f"{first['ratio']:.3g} times faster ({interval})" in page.text("td")
    assert f"{first['ratio']:.3g} times as fast (interval {interval})" in page.alt_texts()[0]
    assert f"{first['ratio']:.3g} times faster" in page.text("strong")  # the verdict, in large
    assert "Predicted on AWS" in page.text("dt")
    assert "Is every datapoint accounted for? Yes: 480 of 480 (456 stored, 24 dead)." in page.text("p")
    drawings = [one["class"] for one in page.all("svg")]
    assert drawings.count("wide") == drawings.count("narrow") == len(page.all("figure"))
    assert {"word-3", "word-4", frames.CAUSE} <= set(page.text("td"))  # what died, and of what
    assert "Lines are counted from 0. In all: 24 dead: RuntimeError." in page.text("p")
    assert {"How much faster", "Where the time goes", "Cold starts", "Failures", "Conditions"} <= set(
        page.text("h2")
    )


def test_a_sweep_is_reported_by_level(tmp_path):
    sweep = frames.sweep(
        lambda level, size: 1 + 5 / level, levels=(1, 2, 5, 10, 20), sizes=(20,), repetitions=2
    )
    control = sweep.assign(arm="single_node", chunks=1, makespan_s=9.0, run_id=sweep["run_id"] + "-c")
    runs = frames.pd.concat(
        [sweep, control[control["run_id"].str.startswith("sweep-20-1-")]], ignore_index=True
    )

    _, page = require_readable(written(tmp_path / "sweep", runs, facts={"failing": 1}))

    assert "Speedup of distributed at each level, 95 % intervals local cloud" in page.text("caption")
    assert any("no single command" in text for text in page.text("p"))


def test_one_run_is_reported_with_its_counts(tmp_path, few_figures):
    """`submit` compares nothing, so the headline has the counts."""
    runs = rows(1).iloc[1:].assign(stored=39, dead=1, temperature="as found", pair=0)
    home = written(tmp_path / "one", runs, dead=(0,))

    facts, _ = require_readable(home)

    assert "stored 39 of 40 datapoints, 1 died" in facts["headline"]
    assert "lambdist submit words.txt" in commands(home)
    run = home / "runs" / runs["run_id"].iloc[0]
    assert report_source.find(str(run)).folder == run


def foreign_run(home):
    folder = home / "runs" / f"{home.name}-url"
    folder.mkdir(parents=True)
    known = {
        "run_id": folder.name, "arm": "url", "target": "API at example.org", "state": "collected",
        "url": "https://example.org/a?key=kept-back", "api_key_env": "MY_KEY", "timeout_s": 60.0,
        "plan": {"chunks": 3}, "data": "words.txt", "resumed": False, "stopped": "", "makespan_s": 1.5,
        "submitted": 3, "accepted": 2, "rejected": 1, "unsent": 0, "unknown": 0, "in_flight": 0, "lost": 0,
    }  # fmt: skip
    files.write_json(folder / "run.json", known)
    (folder / "receipts.csv").write_text("n,intended_at,answered_at\n0,1.0,1.5\n1,1.0,1.6\n2,1.0,\n")
    (folder / "outputs.jsonl").write_text(
        '{"n": 0, "data": "a", "accepted": true}\n{"n": 1, "data": "b", "accepted": true}\n'
        '{"n": 2, "data": "<b>", "error": "rejected: no"}\n'
    )
    return home


def test_a_run_through_another_api_is_reported_as_the_client_knows_it(tmp_path):
    """Counts end at accepted; the URL's query stays secret."""
    facts, page = require_readable(foreign_run(tmp_path / "elsewhere"))

    assert facts["headline"] == (
        "API at example.org: of 3 datapoints 2 accepted, 1 rejected; the last answer came after 1.5 s."
    )
    assert "<b>" in page.text("td")
    assert (
        "source .venv/bin/activate lambdist submit words.txt --url https://example.org/a "
        "--api-key-env MY_KEY --chunks 3 lambdist report"
    ) in page.text("pre")[0]
    assert "In a clone of the project:" in page.text("p")  # the commands themselves activate the environment
    assert "kept-back" not in (tmp_path / "elsewhere" / "report.html").read_text()


def test_unfinished_runs_are_named_at_the_top(tmp_path, few_figures):
    """Unfinished runs, lost and unsent datapoints, each with its command, precede the headline."""
    runs = rows(2)
    runs.loc[0, ["stored", "lost"]] = [37, 3]
    home = written(tmp_path / "open", runs, facts={})
    under_way = home / "runs" / "open-late"
    under_way.mkdir()
    files.write_json(
        under_way / "run.json", {**runs.iloc[0].to_dict(), "run_id": "open-late", "state": "settling"}
    )

    facts, page = require_readable(home)

    assert page.text("p")[:3] == [f"Attention: {one}".replace("`", "") for one in facts["warnings"]]
    assert "1 of 5 runs have not ended" in facts["warnings"][0]
    assert "`lambdist resume open`" in facts["warnings"][0]
    assert facts["warnings"][1] == "The ledger is open: 3 lost of 160 datapoints."
    assert "3 datapoints were accepted and lost" in facts["warnings"][2]
    assert "LEDGER OPEN: 3 lost of 160" in facts["target"]


@pytest.mark.parametrize("arm", ["distributed", "url"])
def test_an_experiment_without_ended_runs_says_so(tmp_path, arm):
    home = tmp_path / "begun"
    (home / "runs" / "begun-d").mkdir(parents=True)
    run = {
        "run_id": "begun-d", "arm": arm, "target": "local cloud", "state": "submitting", "data": "words.txt",
        "url": "http://127.0.0.1:9/", "api_key_env": "", "timeout_s": 60, "plan": {},
    }  # fmt: skip
    files.write_json(home / "runs" / "begun-d" / "run.json", run)

    facts, _ = require_readable(home)

    assert facts["headline"] == "No run has ended yet, so nothing is measured."
    assert "lambdist resume begun" in facts["warnings"][0]


def test_datapoints_are_escaped(tmp_path, few_figures):
    """Markup, right-to-left script, emoji, control characters, half of a surrogate pair."""
    runs = rows(1).iloc[1:].assign(stored=40 - len(HOSTILE), dead=len(HOSTILE))
    words = [*(f"word-{n}" for n in range(3)), *HOSTILE]
    home = written(tmp_path / "hostile", runs, dead=range(3, 3 + len(HOSTILE)), words=words)

    _, page = require_readable(home)

    shown = page.text("bdi")
    assert HOSTILE[0] in shown
    assert not any("\u202e" in text for text in shown)


def page_of(words):
    """The page of a report in which everything but its structure is these words."""
    columns = (Column(name=words, free=True),)
    cells = Table(id="one", section="failures", caption=words, columns=columns, rows=((words,),))
    content = Content(
        name=words,
        headline=words,
        target=words,
        warnings=[words.replace("`", "")],  # which would be code in it
        conditions=[cells],
        commands=[words],
        sections=[Section("failures", "Failures", [], [])],
    )
    return Page(html.html(content).encode("utf-8").decode())


@pytest.fixture(scope="module")
def tags():
    """The elements of any such page."""
    return [tag for tag, _ in page_of("word").elements]


@given(text=st.text(st.characters(codec=None), min_size=1).filter(str.strip))
def test_any_text_is_escaped(tags, text):
    """The page's elements stay the same, and printable characters are shown."""
    page = page_of(text)

    assert [tag for tag, _ in page.elements] == tags
    assert page.asked_for() == []
    if text.isprintable():
        assert " ".join(text.split()) in page.text("bdi")


def test_an_aws_account_number_is_removed():
    """AWS's error messages contain it; the rest of the message stays."""
    said = "AccessDenied: arn:aws:iam::123456789012:role/processor may not"

    assert failures.shortened(said) == "AccessDenied: arn:aws:iam::…:role/processor may not"


def test_a_summary_that_does_not_match_its_runs_is_measured_again(pairs):
    """As after a redrive, which rewrites the runs' folders; a summary that matches them stays."""
    source, path = report_source.find(str(pairs)), pairs / "summary.json"
    content = report_source.summary(source)

    path.write_text(json.dumps({**content, "finding": "of another question"}))
    assert report_source.summary(source)["finding"] == "of another question"

    content["ledger"][0]["stored"] -= 1
    path.write_text(json.dumps({**content, "finding": "of other runs"}))
    assert report_source.summary(source)["finding"] not in ("of other runs", "of another question")
    assert json.loads(path.read_text()) == report_source.summary(source)


def commands(home):
    """Return the commands in the last part of a report."""
    source = report_source.find(str(home))
    return [
        line for facts in source.facts for line in reproduce.commands(home, facts, report_source.runs(source))
    ]


def test_a_reports_commands_parse(tmp_path):
    """Those of pairs, with every condition that differs from the defaults."""
    held = {"chunks": 7, "work": "io:20ms", "queue_batch": 10, "seed": 3, "target": "AWS eu-west-1",
            "processing": "examples/factor"}  # fmt: skip
    runs = rows(6, chunks=7, queue_batch=10, work="io:20ms")

    home = written(tmp_path / "again", runs, facts=held)

    [line] = [line for line in commands(home) if line.startswith("lambdist run")]
    options = parser.build_parser().parse_args(shlex.split(line)[1:])
    assert (options.chunks, options.queue_batch, options.seed, options.repetitions) == (7, 10, 3, 6)
    assert options.processing == "examples/factor"
    assert (options.work, options.target, options.region, options.arms) == (
        "io:20ms", "aws", "eu-west-1", "distributed,single_node",
    )  # fmt: skip


def test_default_conditions_are_those_of_the_templates():
    """So a `lambdist deploy` without settings deploys the same."""
    declared = parameters("distributed")
    settings = {
        name: value
        for name, value in Conditions().settings().items()
        if name not in ("experiment_controls", "maximum_concurrency")  # the width follows chunks
    }

    for name, value in settings.items():
        default = declared["".join(word.title() for word in name.split("_"))]["Default"]
        assert str(default) == (
            {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
        ), name


def test_a_submission_is_reproduced_with_the_settings_of_its_stacks():
    """`lambdist deploy --set` names the settings that differ from the defaults."""
    facts = {
        "arm": "single_node",
        "data": "my words.txt",
        "target": "local cloud",
        "retry_delay_s": 0,
        "chunks": 5,
    }

    assert reproduce.commands(paths.root(), facts, frames.runs(0)) == [
        "lambdist deploy --set retry_delay_seconds=0",
        "lambdist submit 'my words.txt' --arm single_node --chunks 5",
    ]


def test_the_command_prints_the_path_of_the_report(capsys, tmp_path):
    """Also to another file and as JSON; a missing run is an error of one line."""
    home, to = foreign_run(tmp_path / "elsewhere"), tmp_path / "sent" / "mail.html"
    assert main.main(["report", str(home), "--output", str(to), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["bytes"] == to.stat().st_size
    assert said["warnings"] == []

    assert main.main(["report", "no-such-thing"]) == 8
    assert "there is no run or experiment no-such-thing" in capsys.readouterr().err


def test_without_a_name_it_is_the_newest_experiment(pairs, monkeypatch):
    monkeypatch.setenv("LAMBDIST_RESULTS", str(pairs.parent))
    assert write.newest() == pairs

    monkeypatch.setenv("LAMBDIST_RESULTS", str(pairs / "runs"))
    with pytest.raises(RunError, match=r"no experiment under .*`make experiment`"):
        write.newest()


def test_a_damaged_summary_is_named(pairs):
    (pairs / "summary.json").write_text("{")

    with pytest.raises(RunError, match=r"summary\.json is (missing|damaged)"):
        report_source.summary(report_source.find(str(pairs)))
