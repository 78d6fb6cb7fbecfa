"""What `lambdist package` writes: the same bytes each time, complete, with commands that the CLI knows."""

import re
import shlex
import zipfile

import botocore.session
import pytest
import yaml
from botocore import xform_name
from support import linting

from lambdist_lib.cli import main
from lambdist_lib.deployment import packaging, sam_template, templates
from lambdist_lib.errors import DeployError, UsageError

WAYS = {
    "stacks": {},
    "stacks in a bucket": {"bucket": "mine-1"},
    "sam": {"as_sam": True},
    "sam in a bucket": {"as_sam": True, "bucket": "mine-1"},
}
CLI_ONLY = {"region", "profile", "query", "output", "recursive", "exclude", "include", "force"}
OF_CLI_ITSELF = {
    ("cloudformation", "deploy"),
    ("cloudformation", "package"),
    ("s3", "mb"),
    ("s3", "cp"),
    ("s3", "rb"),
}
each_way = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@each_way
def test_the_same_package_twice_has_the_same_bytes(options, tmp_path):
    """Reproducible: an auditor of the source can compare what was deployed."""
    packaging.write(tmp_path / "one", **options)
    written = packaging.write(tmp_path / "two", **options)
    packaging.write(tmp_path / "two", **options)  # over itself

    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert {path.name for path in written} == set(contents(tmp_path / "two"))


@each_way
def test_templates_name_zips_that_are_there(options, tmp_path):
    """Each with its handler, and no parameter is left open but the bucket that nobody named."""
    packaging.write(tmp_path, **options)

    for path in tmp_path.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if "bucket" in options:  # which is all that the others lack; their sources are checked elsewhere
            assert linting.faults(path) == []
        assert "Deployment0" not in text
        named = set(re.findall(r"[a-z_]+-[0-9a-f]{20}\.zip", text))
        assert len(named) == (1 if path.name == "single_node.yaml" else 3)
        for name in named:
            with zipfile.ZipFile(tmp_path / name) as archive:
                assert f"{name.rpartition('-')[0]}.py" in archive.namelist()
        declared = yaml.load(text, Loader=templates._Loader)["Parameters"]
        open_ones = {name for name, one in declared.items() if "Default" not in one}
        assert open_ones == ({"ArtifactBucket"} if options == {} else set())
        assert ("mine-1" in text) == ("bucket" in options)


@each_way
def test_the_commands_are_those_of_the_cli(options, tmp_path):
    """Operations, options, files and parameters: a renamed one would stop somebody in the middle."""
    packaging.write(tmp_path, **options)
    text = (tmp_path / packaging.COMMANDS).read_text(encoding="utf-8")
    typed = re.sub(r" *(?:#.*)?\n", "\n", text).replace("\\\n", " ")
    commands = [shlex.split(line) for line in typed.splitlines() if line.startswith("    aws ")]
    assert len(commands) > 5

    for _, service, operation, *arguments in commands:
        given = {one[2:] for one in arguments if one.startswith("--")}
        if (service, operation) not in OF_CLI_ITSELF:
            model = botocore.session.get_session().get_service_model(service)
            [shape] = [model.operation_model(one) for one in model.operation_names
                       if xform_name(one, "-") == operation]  # fmt: skip
            assert given - CLI_ONLY <= {xform_name(one, "-") for one in shape.input_shape.members}, operation
        if "--template-file" in arguments:
            name = arguments[arguments.index("--template-file") + 1]
            assert (tmp_path / name).exists() or name == "packaged.yaml"
        overrides = [one.partition("=")[0] for one in arguments if re.match(r"[A-Z]\w+=", one)]
        for name in overrides:
            assert any(name in templates.parameters(kind) for kind in templates.KINDS), name
    assert ("YOUR-BUCKET" in text) == ("bucket" not in options)


def test_documents_of_the_application_lie_beside_it(tmp_path):
    """Its licence and what it is, under the names that its metadata has."""
    packaging.write(tmp_path, as_sam=True)
    about = yaml.load((tmp_path / sam_template.FILE).read_text(encoding="utf-8"), Loader=templates._Loader)[
        "Metadata"
    ]

    for name in ("LicenseUrl", "ReadmeUrl"):
        assert (tmp_path / about["AWS::ServerlessRepo::Application"][name]).is_file()


def test_new_code_replaces_the_zips_of_the_old(tmp_path):
    """A folder holds one package: no zip that no template names."""
    mine = tmp_path / "mine"
    mine.mkdir()
    packaging.write(tmp_path / "made")
    before = set(contents(tmp_path / "made"))
    (mine / "processing.py").write_text("def process(data):\n    return len(data)\n", encoding="utf-8")

    packaging.write(tmp_path / "made", processing=mine)

    changed = before ^ set(contents(tmp_path / "made"))
    assert {name.rpartition("-")[0] for name in changed} == {"processor", "single_node"}
    assert len(changed) == 4


def test_what_is_not_ours_is_left_alone(tmp_path):
    """A folder with other things in it is refused before anything is written."""
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")

    with pytest.raises(UsageError, match=r"holds thesis\.txt, which no package has; name a new folder"):
        packaging.write(tmp_path)

    assert set(contents(tmp_path)) == {"thesis.txt"}


def test_a_bucket_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(UsageError, match="'Mine'"):
        packaging.write(tmp_path, bucket="Mine")


def test_code_that_lambda_could_not_import_is_refused(tmp_path):
    (tmp_path / "processing.py").write_text("import numpy\n", encoding="utf-8")

    with pytest.raises(DeployError, match="imports numpy, which Lambda does not have"):
        packaging.write(tmp_path / "made", processing=tmp_path)


def test_the_command_says_what_comes_next(tmp_path, capsys):
    """One line for people; --json has every file."""
    assert main.main(["package", "--sam", "--output", str(tmp_path / "made")]) == 0
    assert "COMMANDS.md" in capsys.readouterr().out

    assert main.main(["package", "--output", str(tmp_path / "other"), "--json"]) == 0
    assert "single_node.yaml" in capsys.readouterr().out
