"""Every command that our pages tell people to type, and what runs it.

A command stands here as it is typed. TYPED are run as they stand, in this order, by tests/local_cloud/
test_documented.py; ELSEWHERE by the test beside them, with a file or a name of its own; what NEEDS something
else is run by no test, for the reason beside it. tests/unit/project/test_readme.py fails for a command in
none of them, or on none of the pages.
"""

import json
import re

from lambdist_lib import paths

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "examples/README.md",
    "results/README.md",
    "benchmarks/README.md",
    *sorted(f"docs/{path.name}" for path in (paths.root() / "docs").glob("*.md")),
]
PROGRAMS = (
    "lambdist",
    "make",
    "papermill",
    "python",
    "conda",
    "apt",
    "jupyter",
    "git",
    "source",
    "docker",
    "aws",
)
LINE = re.compile(rf"(?:{'|'.join(PROGRAMS)}) \S.*")

MENTION = re.compile(r"lambdist (?:run|try|plan|submit)")  # a command's name, not a command to type

TYPED = [
    "lambdist try data/words.txt -n 5",
    "lambdist try data/numbers.txt --processing examples/factor",
    "lambdist submit data/words.txt --chunks 20 --id mine",
    "lambdist fetch mine",
    "lambdist dead mine",
    "lambdist redrive mine --cause application",
    "lambdist analyse mine --fail-if 'dead_rate>0.01'",
    "lambdist compare before after --factor memory_mb",
    "lambdist plan --datapoints 1e9 --chunks 1000 --work io:100ms --request-batch 100 --queue-batch 10",
    "lambdist plan data/words.txt --calibrate mine",
    "lambdist report mine",
    "lambdist analyse mine",
    "lambdist leaks",
    "lambdist leaks --delete",
]

UNIT = "tests/unit/"
CLI = "tests/local_cloud/test_cli.py::"
TOUR = f"{CLI}test_a_tour_from_nothing_to_nothing"
EXAMPLES = "tests/local_cloud/test_examples.py::test_a_script_answers_every_line_and_leaves_nothing"
SHORT = "tests/local_cloud/test_examples.py::test_a_short_script_says_what_it_is_for"
NOTEBOOK = "tests/notebooks/test_experiment.py::"
ELSEWHERE = {
    "lambdist cloud mail": "tests/local_cloud/test_dead_letters.py::test_the_command_line_prints_the_mail",
    "lambdist cloud start": f"{CLI}test_a_local_cloud_that_cannot_start_is_one_line",
    "lambdist cloud status": TOUR,
    "lambdist cloud stop": TOUR,
    "lambdist deploy": TOUR,
    "lambdist deploy --set datapoint_max_chars=65536": TOUR,
    "lambdist destroy": TOUR,
    "lambdist fetch RUN": TOUR,
    "lambdist run data/words.txt --repetitions 6": f"{CLI}test_a_whole_experiment_in_one_command",
    "lambdist resume RUN": f"{CLI}test_a_spent_quota_is_unfinished",
    "lambdist submit data/words.txt --url URL --api-key-env MY_KEY":
        f"{UNIT}runs/test_external_api.py::test_a_file_through_an_api_of_others",
    "lambdist report results/reference":
        f"{UNIT}report/test_page.py::test_the_command_prints_the_path_of_the_report",
    "lambdist completion fish": f"{UNIT}cli/test_screen.py::test_the_completion_script_is_for_its_shell",
    "lambdist package": f"{UNIT}deployment/test_packaging.py::test_the_command_says_what_comes_next",
    "lambdist package --sam": f"{UNIT}deployment/test_packaging.py::test_the_command_says_what_comes_next",
    "lambdist gallery": f"{UNIT}project/test_committed_results.py::test_the_command_writes_the_gallery",
    "make setup": ".ci/run",
    "make test": ".ci/run",
    "make experiment": f"{NOTEBOOK}test_lambdist_notebook_runs_it_into_the_experiments_folder",
    "make report": f"{UNIT}report/test_page.py::test_without_a_name_it_is_the_newest_experiment",
    "make help": f"{UNIT}project/test_readme.py::test_make_help_lists_what_can_be_made",
    "papermill --help-notebook notebooks/experiment.ipynb": f"{NOTEBOOK}test_papermill_tells_the_parameters",
    "papermill experiment.ipynb out.ipynb -p chunks 100":
        "tests/notebooks/test_from_a_cell.py::test_a_function_of_a_cell_runs_to_its_answers",
    "papermill notebooks/experiment.ipynb results/out.ipynb -p chunks 100":
        "tests/notebooks/test_questions.py::test_a_notebook_runs_to_its_finding",
    "python examples/dist.py 20 data/words.txt": EXAMPLES,
    "python examples/single.py data/words.txt": EXAMPLES,
    "python examples/ten_lines.py": SHORT,
    "python examples/read_results.py": SHORT,
    "python examples/plan_ahead.py": SHORT,
    "make lint": ".ci/run",
}  # fmt: skip

ACCOUNT, QUIET = "an AWS account", "minutes on a machine that does nothing else"
NEEDS = {
    "git clone URL lambdist": "the address of this repository",
    "lambdist deploy --target aws --region eu-west-1"
    " --set notify_email=you@example.com,they@example.com": ACCOUNT,
    "lambdist deploy --target aws --set processing_policy_arn=ARN": ACCOUNT,
    "lambdist submit data/words.txt --target aws --region eu-west-1 --chunks 100 --id mine": ACCOUNT,
    "lambdist destroy --target aws --region eu-west-1": ACCOUNT,
    "aws configure": "the command line of AWS, and credentials",
    "aws sqs list-queues": "the command line of AWS",
    "lambdist api": "a deployed stack; tests/local_cloud/test_cli.py types it with --arm",
    "lambdist api --key-only": "a deployed stack, as before",
    "lambdist api --show-key": "a deployed stack, as before",
    "lambdist dead adhoc-2026-11-29": "datapoints of that day",
    "lambdist deploy --json": "a reader of JSON; tests/local_cloud/test_cli.py does so",
    "lambdist deploy --set storage_first=on --set distributed_map=on": (
        "a stack of its own; tests/local_cloud/test_arms.py deploys it"
    ),
    "lambdist fetch RUN --format csv": "a run of a table",
    "lambdist report": "an experiment; tests/unit/report/test_page.py writes that of the newest",
    "lambdist run data/words.txt --processing . --repetitions 3": "the folder of `lambdist init`",
    "lambdist try data/words.txt --processing .": "the folder of `lambdist init`",
    "python tests/support/screens.py": "a page to change; tests/unit/cli makes its outputs and compares",
    "lambdist init FOLDER": "a folder; tests/unit/project/test_packaging.py makes one",
    "lambdist run s3://bucket/pages.jsonl --column url,lang --processing my-job": "a bucket and a job",
    "lambdist submit pages.csv.gz --column url": "such a file",
    "make lab": "somebody before a browser",
    "make bench": QUIET,
    "make lock": "versions as they are today, which no test is to take",
    "make docs": "half a minute, for pages that nothing reads",
    "make clean": "an environment that is not the tests' own",
    "make test-chaos": QUIET,
    "make test-faults": QUIET,
    "make test-notebooks": QUIET,
    "make setup PY=/path/to/python3.12": "another Python",
    "python benchmarks/collecting.py": QUIET,
    "python benchmarks/coverage.py": QUIET,
    "python benchmarks/fanning_out.py": QUIET,
    "python benchmarks/laws.py": QUIET,
    "python benchmarks/machine.py": QUIET,
    "python benchmarks/measures.py": QUIET,
    "python benchmarks/measures.py --large": QUIET,
    "python benchmarks/waits.py": QUIET,
    "python benchmarks/ways.py": QUIET,
    "python benchmarks/width.py": QUIET,
    "python benchmarks/pipeline.py": QUIET,
    "python benchmarks/peers_pipeline.py": QUIET,
    "python benchmarks/planner.py": QUIET,
    "python benchmarks/run_all.py": QUIET,
    "python benchmarks/simulators.py": QUIET,
    "python benchmarks/submission.py": QUIET,
    "source .venv/bin/activate": "an interactive shell",
    "conda env create -f environment.yml": "conda and its channels",
    "conda activate lambdist": "conda and its channels",
    "apt install python3-venv": "root on a machine without it",
}


def pages():
    """Text of each page, and of each notebook's words."""
    found = {
        name: (paths.root() / name).read_text(encoding="utf-8")
        for name in PAGES
        if (paths.root() / name).exists()
    }
    for path in sorted(paths.notebooks().glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        words = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        found[f"notebooks/{path.name}"] = "\n".join(words)
    return found


def written_as_code(page):
    """The lines of a page's code blocks and the spans in backticks; links' targets too."""
    text = re.sub(r"https?://\S+", "", page)
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    indented = re.findall(r"^(?: {4}| {7})(\S.*)$", text, re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", text)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    return [*(line for block in fenced for line in block.splitlines()), *indented, *spans, *links]


def commands():
    """Every command as it is typed, without the words behind it."""
    lines = (line.strip() for page in pages().values() for line in written_as_code(page))
    lines = (line for line in lines if not MENTION.fullmatch(line) and not line.endswith("\\"))
    return sorted({re.split(r" # |  #| \| ", line)[0].strip() for line in lines if LINE.fullmatch(line)})
