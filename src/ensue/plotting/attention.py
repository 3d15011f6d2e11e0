"""A picture of attention: for each word of a translation, which words of the source it looked at.

One page with everything inside it and no script: a table a sentence, the darker a square the larger its share.
"""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from ensue.storage import write_atomically

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } section { margin: 2rem 0; overflow-x: auto; }
p.text { margin: .2rem 0; } p.source { color: #555; }
table { border-collapse: collapse; font-size: 13px; margin-top: .6rem; }
thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: 4px 2px; }
th { font-weight: normal; white-space: pre; } tbody th { text-align: right; padding-right: 6px; }
td { width: 22px; min-width: 22px; height: 20px; border: 1px solid #eee; }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #e8e8e8; } p.source { color: #aaa; } td { border-color: #333; }
}
"""


class Attended(Protocol):
    """What is drawn of a translation; `runtime.translation.Translation` is such."""

    @property
    def sentence(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def source(self) -> Sequence[str]:
        """The source's tokens, the mark of the end last."""

    @property
    def tokens(self) -> Sequence[str]:
        """The translation's tokens."""

    @property
    def shares(self) -> NDArray[Any]:
        """`(tokens, source)`."""


def save_attention(translations: Sequence[Attended], path: str | os.PathLike[str]) -> None:
    """Write the pictures of some translations as one page. Raises `StorageError` where it cannot be written."""
    page = attention_page(translations)
    write_atomically(path, lambda file: file.write(page.encode("utf-8", "replace")))


def attention_page(translations: Sequence[Attended]) -> str:
    """The page as HTML.

    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> words = {"sentence": "a cat", "text": "eine Katze", "source": ["a", " cat"], "tokens": ["eine", " Katze"]}
    >>> one = SimpleNamespace(**words, shares=np.eye(2))
    >>> attention_page([one]).count("<td")
    4
    """
    sections = "\n".join(_section(number, each) for number, each in enumerate(translations, start=1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Attention</title>
<style>{STYLE}</style>
</head>
<body>
<h1>What each word looked at</h1>
<p>Rows are the words of the translation, columns those of the source; the darker, the larger the share.</p>
{sections}
</body>
</html>
"""


def _section(number: int, translation: Attended) -> str:
    source = [_shown(each) for each in translation.source]
    head = "".join(f'<th scope="col">{each}</th>' for each in source)
    rows = "\n".join(
        f'<tr><th scope="row">{_shown(token)}</th>'
        + "".join(_square(float(share), left) for share, left in zip(shares, source, strict=True))
        + "</tr>"
        for token, shares in zip(translation.tokens, translation.shares, strict=True)
    )
    return f"""<section>
<p class="text source">{number}. {html.escape(translation.sentence)}</p>
<p class="text">{html.escape(translation.text)}</p>
<table><thead><tr><th></th>{head}</tr></thead>
<tbody>
{rows}
</tbody></table>
</section>"""


def _square(share: float, source: str) -> str:
    return f'<td style="background:rgba(31,111,235,{share:.3f})" title="{source.strip()} {share:.1%}"></td>'


def _shown(token: str) -> str:
    return html.escape(token.strip() or "␣")
