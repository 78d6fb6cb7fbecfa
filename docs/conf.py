"""Sphinx configuration: `make docs` builds the pages into build/docs/."""

import importlib.metadata

project = "lambdist"
author = "the lambdist authors"
version = release = importlib.metadata.version("lambdist-lib")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = []
html_theme = "furo"
html_title = "lambdist"
html_show_sphinx = False
html_copy_source = False
autodoc_typehints = "none"  # the signature has them
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_use_rtype = False
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository beside the pages
