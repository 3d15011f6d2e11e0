"""The report as one self-contained HTML file: no server, no network, nothing to install for who reads it.

    write_page(document, "report.html")

Its markup, style and scripts stand in `static/` and are put together here, with the document's numbers.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
from pathlib import Path

from ensue.inspection.page.contents import contents
from ensue.inspection.page.document import Document
from ensue.inspection.page.encoding import script_safe
from ensue.storage import write_atomically

__all__ = ["page_html", "write_page"]

SCRIPTS = (
    "decode",
    "say",
    "ticks",
    "elements",
    "colours",
    "svg",
    "time",
    "plot",
    "series",
    "heat",
    "memory",
    "panel",
    "reach",
    "scales",
    "why",
    "units",
    "similar",
    "probes",
    "main",
)
"""The page's scripts in the order in which they lean on each other."""
STYLES = ("page", "pictures", "panel", "windows")


def write_page(document: Document, path: str | os.PathLike[str]) -> None:
    """Write a report to `path`, whole or not at all.

    Raises:
        DataError: The document has no steps, or arrays of different lengths.
        StorageError: The file could not be written; an existing one is unchanged.
    """
    page = page_html(document).encode()
    write_atomically(path, lambda file: file.write(page))


def page_html(document: Document) -> str:
    """A report as the text of an HTML page; the same document gives the same text.

    Raises:
        DataError: The document has no steps, or arrays of different lengths.
    """
    style, script = "\n".join(_static(f"{name}.css") for name in STYLES), _script()
    # Nothing may be fetched, and nothing runs but what stands here: a hostile label cannot change that.
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        f"base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": html.escape(document.title),
        "style": style,
        "script": script,
        "data": script_safe(contents(document)),
    }
    return re.sub(
        r"{{(\w+)}}", lambda found: parts[found[1]], _static("page.html")
    )  # once: a label cannot ask for more


def _script() -> str:
    parts = "\n".join(_static(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();\n'


def _static(name: str) -> str:
    return (Path(__file__).with_name("static") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
