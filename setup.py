"""Name the packages: those that are found, and folders that are mapped into the wheel.

pyproject.toml cannot hold both at once. `lambdist_lib.paths` finds the mapped folders.
"""

from setuptools import find_packages, setup

FOLDERS = (
    "cloudformation",
    "cloudformation/commands",
    "data",
    "data/pages",
    "examples",
    "examples/factor",
    "examples/pages",
    "lambdas",
    "notebooks",
)
mapped = {f"lambdist_lib.shipped.{folder.replace('/', '.')}": folder for folder in FOLDERS}

setup(packages=[*find_packages(include=["lambdist_lib", "lambdist_lib.*"]), *mapped], package_dir=mapped)
