"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

import configparser
import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx

project = "topmail_flask"
project_copyright = "the authors of topmail_flask"
release = version = metadata.version("topmail-flask")
declared = configparser.ConfigParser(interpolation=None)
declared.read(Path(__file__).parent.parent / "setup.cfg", encoding="utf-8")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
if find_spec("sphinx_copybutton"):
    extensions.append("sphinx_copybutton")
    copybutton_prompt_text = "$ "
    copybutton_only_copy_prompt_lines = True
    copybutton_line_continuation_character = "\\"
exclude_patterns = ["_build"]
nitpicky = True
show_warning_types = True

myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline", "deflist"]

autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
add_module_names = False
maximum_signature_line_length = 60
# Names of other libraries: a link to them would need the network to build. Names of our own that
# stand in signatures only: type variables, and values that a shop never makes.
nitpick_ignore_regex = [
    ("py:.*", r"(collections|datetime|decimal|flask|pathlib|random|types|typing|werkzeug)\..*"),
    ("py:class", r"(AbstractContextManager|Flask|Recording|.*\.(ApiKey|F|Flow|Secret|Step|View))"),
    ("py:class", r".*(:read|:write|:delete|\}|read'|write'|delete').*"),
    ("py:class", r"topmail_flask\.domain\.purchase\.Purchase"),
    ("py:attr", r"(product|until|wait)"),
    ("py:class", r"topmail_flask\.model\.decision\.GuessedProduct"),
]

html_theme = "furo"
html_title = f"topmail_flask {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "sidebar_hide_name": False,
    "navigation_with_keys": True,
    "source_repository": declared["metadata"]["url"],
    "source_branch": "main",
    "source_directory": "docs/",
    "top_of_page_buttons": ["view", "edit"],
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def without_comments(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Comments hold what the tests of a page need and its readers do not."""
    source[0] = re.sub(r"(?s)<!--.*?-->", lambda comment: "\n" * comment[0].count("\n"), source[0])


ACCESSIBLE = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    '<div class="content-icon-container">': (
        '<div class="content-icon-container" role="navigation" aria-label="This page">'
    ),
    '<dl>\n<dd><em class="sig-param">': '<dl role="presentation">\n<dd><em class="sig-param">',
    "<pre>": '<pre tabindex="0">',
    '<div id="search-results"></div>': '<h1>Search</h1>\n<div id="search-results"></div>',
}
"""What screen readers and keyboards miss in the theme's HTML, and what takes its place."""


def made_accessible(app: Sphinx, exception: Exception | None) -> None:
    """Put it right in every page that was built."""
    for page in Path(app.outdir).rglob("*.html") if exception is None else ():
        text = page.read_text(encoding="utf-8")
        for missing, there in ACCESSIBLE.items():
            text = text.replace(missing, there)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", without_comments)
    app.connect("build-finished", made_accessible)
