"""Check templates with cfn-lint, whose import and rules take seconds: they are loaded once, where needed."""

import functools
from pathlib import Path
from typing import Any


def faults(template: Path) -> list[Any]:
    """Return what cfn-lint finds in a template, as `cfnlint.api.lint_file` does."""
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner.template import run_template_by_file_paths

    return list(run_template_by_file_paths(ConfigMixIn(["--template", str(template)]), _rules()))


@functools.cache
def _rules() -> Any:
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

    return Runner(ConfigMixIn([])).rules
