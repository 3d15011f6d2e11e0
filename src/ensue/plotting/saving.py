"""Charts as files: a page with everything inside it, a PNG, an SVG."""

from __future__ import annotations

import html
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ensue.errors import MissingExtraError, UsageError
from ensue.storage import write_atomically

if TYPE_CHECKING:
    import altair


def save_chart(chart: altair.TopLevelMixin, path: str | os.PathLike[str]) -> None:
    """Write a chart as `.html` (one page, no network needed), `.png` (twice the pixels) or `.svg`.

    The file is written whole or not at all. Raises UsageError for another ending, StorageError where it cannot be
    written, MissingExtraError where vl-convert is not installed.
    """
    kind = Path(path).suffix.lower()
    if kind not in (".html", ".png", ".svg"):
        raise UsageError(f"cannot save a chart as '{os.fspath(path)}': expected a name ending in .html, .png or .svg.")
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("Saving a chart", "vl-convert-python", "plot") from error
    specification = chart.to_dict()
    version = str(specification["$schema"]).rpartition("/v")[2].removesuffix(".json").rpartition(".")[0]
    if kind == ".png":
        content = vl_convert.vegalite_to_png(specification, vl_version=version, scale=2)
    elif kind == ".svg":
        content = vl_convert.vegalite_to_svg(specification, vl_version=version).encode()
    else:
        content = _page(
            specification, vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
        ).encode()

    def write(file: BinaryIO) -> None:
        file.write(content)

    write_atomically(path, write)


def check_installed() -> None:
    """Raises MissingExtraError where charts cannot be made or saved; imports nothing, which would take a second."""
    if not _is_there("altair"):
        raise MissingExtraError("A chart", "altair", "plot")
    if not _is_there("vl_convert"):
        raise MissingExtraError("Saving a chart", "vl-convert-python", "plot")


def _is_there(module: str) -> bool:
    return sys.modules[module] is not None if module in sys.modules else find_spec(module) is not None


def _page(specification: dict[str, Any], bundle: str) -> str:
    """One page with the libraries and the chart inside; its policy lets it ask the network for nothing."""
    title = specification.get("title") or "Ensue"
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'"
    )
    options = {"mode": "vega-lite", "renderer": "svg", "actions": {"export": True, "source": False, "editor": False}}
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(str(title["text"] if isinstance(title, dict) else title))}</title>
<style>
body {{ margin: 2rem auto; max-width: 62rem; padding: 0 1rem; font: 14px system-ui, sans-serif; color: #1b222b; }}
.vega-bind {{ margin-top: 1rem; }}
.vega-bind select {{ font: inherit; padding: .25rem; margin-left: .5rem; }}
</style>
<script>{bundle}</script>
</head>
<body>
<main id="chart"></main>
<script>
vegaEmbed("#chart", {_script_json(specification)}, {_script_json(options)})
  .catch(error => {{ document.getElementById("chart").textContent = String(error); }});
</script>
</body>
</html>
"""


def _script_json(value: Any) -> str:
    """JSON for inside a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=True)  # also escapes U+2028 and U+2029, line ends in older JavaScript
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
