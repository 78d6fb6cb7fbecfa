"""The commands that measure, compare and report."""

import argparse
import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from lambdist_lib.cli import arguments, value_types
from lambdist_lib.cli import options as cli_options
from lambdist_lib.cli.declaration import FILES, RUNS, argument, command, flag
from lambdist_lib.cli.screen import Verbatim
from lambdist_lib.errors import UsageError
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import ADHOC

INCOMPLETE = flag("--allow-incomplete", "measure even if datapoints are unaccounted for")


@command(
    "run",
    "run an experiment: deploy, cold runs, warm pairs, measures",
    *arguments.SENDING,
    *arguments.TARGET,
    argument(
        "--first-datapoints", type=value_types.whole(0), default=0, metavar="N",
        help="send only the file's first N (default 0: all)",
    ),
    arguments.PROCESSING,
    arguments.QUEUE_BATCH,
    arguments.memory("of the processing Lambda"),
    arguments.PROCESSORS,
    arguments.SET,
    argument(
        "--repetitions", type=value_types.whole(1), default=10, metavar="R",
        help="warm pairs at most (default 10)",
    ),
    argument(
        "--target-precision", type=value_types.real(0, 1), default=0.1, metavar="W",
        help="stop once the interval's half-width is W of the ratio (default 0.1; 0: exactly R pairs)",
    ),
    argument(
        "--time-limit-s", type=value_types.real(0, above=True), metavar="S",
        help="with --target-precision: begin no pair after this time (default 600)",
    ),
    argument(
        "--arms", type=value_types.arms, default="distributed,single_node", metavar="ARM,ARM",
        help=f"of each repetition: {', '.join(ARMS)}",
    ),
    arguments.FAIL_IF,
    arguments.ALLOW_REJECTED,
    arguments.STOP_IF_DEAD,
    flag("--keep-stacks", "do not delete them at the end"),
    *arguments.CONSENT,
)  # fmt: skip
def run(options: argparse.Namespace) -> None:
    from lambdist_lib import paths
    from lambdist_lib.cli import summary_text
    from lambdist_lib.deployment import templates
    from lambdist_lib.experiment import TIME_LIMIT_S, Experiment
    from lambdist_lib.measures import thresholds
    from lambdist_lib.planner import outlook
    from lambdist_lib.results import closing

    arms = options.arms.split(",")
    if options.time_limit_s and not options.target_precision:
        raise UsageError("--time-limit-s needs a --target-precision above 0; with 0 exactly R pairs run")
    thresholds.require_possible(options.fail_if, arms)  # before minutes are spent
    settings = dict(options.set)
    templates.require_valid(settings)
    conditions = cli_options.values(
        options, "target", "region", "profile", "experiment_id", "keep_stacks", "data", "seed", "processing",
        "queue_batch", "memory_mb", "processors", "stop_if_dead", "first_datapoints", *cli_options.SENDING,
    )  # fmt: skip
    experiment = Experiment(arms=arms, **cli_options.of_file(options), **conditions)
    with _interrupt_explained(experiment.id), experiment:
        runs = 1 + options.repetitions
        experiment.deploy(runs=runs, **settings, **cli_options.values(options, "budget_usd", "yes"))
        experiment.run_cold()
        experiment.run_pairs(
            options.repetitions,
            target_precision=options.target_precision,
            time_limit_s=options.time_limit_s or TIME_LIMIT_S,
        )
        experiment.ledger()
        summary = outlook.summarise(experiment.results)
    blocks = [
        *summary_text.analysis(summary, experiment.runs, experiment.id),
        Verbatim(f"results: {paths.shown(experiment.folder)}/"),
    ]
    cli_options.print_result(options, blocks, summary)
    thresholds.require(summary, options.fail_if)
    if not options.allow_rejected:
        closing.require_accepted(experiment.runs.to_dict("records"))


@contextlib.contextmanager
def _interrupt_explained(experiment_id: str) -> Iterator[None]:
    """Say how an interrupted experiment goes on; a run names the command that finishes the run alone."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        when = str(interrupt) or "interrupted between two runs"
        how = f"the same command with --id {shlex.quote(experiment_id)} goes on with the experiment"
        raise KeyboardInterrupt(f"{when}; {how}") from None


@command(
    "analyse",
    "measure a run or an experiment again, from its folder",
    arguments.RUN,
    INCOMPLETE,
    arguments.FAIL_IF,
)
def analyse(options: argparse.Namespace) -> None:
    from lambdist_lib.analysis import load_results
    from lambdist_lib.cli import summary_text
    from lambdist_lib.measures import thresholds
    from lambdist_lib.planner import outlook
    from lambdist_lib.report import source as report_source

    thresholds.require_possible(options.fail_if)
    _refuse_adhoc(options.run)
    source = report_source.find(options.run)
    if source.runs:
        results = load_results(options.run, allow_incomplete=options.allow_incomplete)
        summary, runs = outlook.summarise(results), results.runs
    else:  # git keeps only an experiment's tables
        summary, runs = report_source.summary(source), report_source.runs(source)
    cli_options.print_result(options, summary_text.analysis(summary, runs, options.run), summary)
    thresholds.require(summary, options.fail_if)


def _refuse_adhoc(run: str) -> None:
    """Raise UsageError for datapoints that were sent by hand: no client recorded their times."""
    if run.startswith(ADHOC):
        raise UsageError(
            f"{run} was sent by hand, without times: `lambdist fetch {run}` prints its answers, "
            f"`lambdist dead {run}` counts its dead"
        )


@command(
    "compare",
    "compare two experiments: how much longer the second takes",
    argument("first", metavar="A", type=value_types.not_empty, complete=RUNS,
             help="id or folder of an experiment or a run"),
    argument("second", metavar="B", type=value_types.not_empty, complete=RUNS, help="compared with A"),
    argument("--factor", help="what may differ between them, such as chunks or memory_mb"),
    argument(
        "--tolerance", type=value_types.share, metavar="X",
        help="exit 1 only if B is surely slower by more (0.05 or 5%%)",
    ),
)  # fmt: skip
def compare(options: argparse.Namespace) -> int:
    from lambdist_lib import comparison
    from lambdist_lib.cli import comparison_text

    result = comparison.compare(options.first, options.second, factor=options.factor)
    tolerance = options.tolerance or 0.0
    cli_options.print_result(
        options,
        comparison_text.as_blocks(result, tolerance),
        {"sentence": result.sentence(), "effects": result.rows()},
    )
    if options.tolerance is not None:
        comparison_text.require_intervals(result)
    return result.exit_status(tolerance)


@command(
    "report",
    "write a run or an experiment as one HTML file",
    argument("run", metavar="RUN", nargs="?", type=value_types.not_empty, complete=RUNS,
             help="id or folder; default: the newest experiment"),
    argument("--output", type=value_types.folder, metavar="FILE", complete=FILES,
             help="default: report.html in its folder"),
)  # fmt: skip
def report(options: argparse.Namespace) -> None:
    from lambdist_lib.report import write

    _refuse_adhoc(options.run or "")
    facts = write.write_report(options.run or "", options.output)
    cli_options.print_result(options, [*facts["warnings"], Verbatim(f"report: {facts['report']}")], facts)


@command("gallery", "write results/README.md: the findings of the committed experiments")
def gallery(options: argparse.Namespace) -> None:
    from lambdist_lib.report import gallery

    facts = gallery.write_gallery()
    cli_options.print_result(options, f"{len(facts['results'])} results: {facts['gallery']}", facts)


@command(
    "notebook",
    "run a notebook headless, with checked parameters",
    argument("notebook", type=Path, complete=FILES, help="such as notebooks/experiment.ipynb"),
    argument("output", type=value_types.folder, nargs="?", complete=FILES,
             help="default: results/<name>.ipynb"),
    argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), dest="parameters",
             help="a parameter of the notebook: True, a number or text; may come again"),
    argument("-r", nargs=2, action="append", default=[], metavar=("NAME", "TEXT"), dest="raw",
             help="a parameter whose value stays text, such as -r experiment_id 2026"),
    argument("-f", action="append", default=[], metavar="FILE", dest="files", complete=FILES,
             help="a YAML file of parameters"),
    argument("-y", action="append", default=[], metavar="YAML", dest="texts",
             help="parameters as YAML text, such as 'chunks: 5'"),
)  # fmt: skip
def notebook(options: argparse.Namespace) -> None:
    from lambdist_lib.cli import notebook_parameters
    from lambdist_lib.notebooks import runner
    from lambdist_lib.report import sentences

    parameters = notebook_parameters.merge(
        **cli_options.values(options, "files", "texts", "parameters", "raw")
    )
    facts = runner.run_notebook(options.notebook, options.output, parameters, quiet=options.json)
    files = [f"{name}: {facts[name]}" for name in ("notebook", "report") if facts[name]]
    finding = sentences.parts(facts["finding"]) if facts["finding"] else []
    blocks = [*finding, Verbatim("\n".join(files))]
    cli_options.print_result(options, blocks, facts)
