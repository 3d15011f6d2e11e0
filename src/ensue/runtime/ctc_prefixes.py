"""The prefixes a CTC search goes through: a tree of what may have been said so far, each with what its words are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ensue.data.word_ngrams import END, Gram, WordNgrams
from ensue.tasks.alphabet import BLANK, Alphabet
from ensue.tasks.speech_beam import BeamChoice

SPACE = b" "
UNFINISHED = 1000.0
"""Nats: a hypothesis that ends within a word is believed only where all do, and then without that word."""


@dataclass(frozen=True)
class HeardWord:
    """A word as the search found it."""

    text: str
    start: int
    """The step at which it begins ..."""
    end: int
    """... and the one after its last."""
    share: float
    """Of the beam's probability, among hypotheses that agree on what came before."""
    mean: float
    """Of its tokens' largest log probabilities."""
    least: float


class Prefix:
    """A node of the tree; the path from the root to it is what was said."""

    __slots__ = ("at", "before", "begun", "bonus", "children", "depth", "ended", "last", "parent", "partial", "peak",
                 "share", "token")  # fmt: skip

    def __init__(self, parent: Prefix | None, token: int, step: int) -> None:
        self.parent, self.token = parent, token
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.children: dict[int, Prefix | None] = {}
        self.at, self.last, self.peak = step, step, 0.0
        """The step at which its token came, the one at which that was likeliest, and how likely."""
        self.ended: str | None = None
        """The word that its token completed."""
        self.partial = b""
        """The word that is not yet complete ..."""
        self.begun: Prefix | None = None
        """... and where it began."""
        self.before: Gram = ()
        """What the language model looks back on."""
        self.bonus = 0.0
        """What its words are worth, in nats."""
        self.share: float | None = None

    def upward(self) -> Iterator[Prefix]:
        """It and all before it, up to the root."""
        node: Prefix | None = self
        while node is not None:
            yield node
            node = node.parent


class Prefixes:
    """Makes prefixes and knows what their words are worth.

    Args:
        model: of words; None: none.
        hot: bonus in nats of words that are likelier than the model thinks.
    """

    def __init__(
        self, alphabet: Alphabet, choice: BeamChoice, model: WordNgrams | None, hot: Mapping[str, float]
    ) -> None:
        self.surfaces, self.choice, self.model = alphabet.surfaces, choice, model
        self.hot = {word.encode(): bonus for word, bonus in hot.items()}
        self.beginnings: frozenset[bytes] | None = None
        self.known: frozenset[bytes] = frozenset()
        if choice.closed and model is not None:
            self.known = frozenset(word.encode() for word in model.words) | frozenset(self.hot)
            self.beginnings = frozenset(word[:end] for word in self.known for end in range(len(word) + 1))

    def root(self, before: Gram | None = None) -> Prefix:
        """Where nothing was said yet."""
        root = Prefix(None, BLANK, 0)
        if self.model is not None:
            root.before = self.model.start if before is None else before
        return root

    def extend(self, prefix: Prefix, token: int, step: int) -> Prefix | None:
        """The prefix with one token more; None where no known word goes on like this."""
        child = Prefix(prefix, token, step)
        surface = self.surfaces[token]
        head, space, rest = surface.partition(SPACE)
        child.bonus, child.before = prefix.bonus, prefix.before
        if space:
            word = prefix.partial + head
            child.partial = rest.replace(SPACE, b"")
            child.begun = child if child.partial else None
            if word:
                if self.beginnings is not None and word not in self.known:
                    return None
                child.ended = word.decode("utf-8", "replace")
                child.bonus += self.worth(word, prefix.before) - self._hope(prefix.partial)
                if self.model is not None:
                    child.before = self.model.after(prefix.before, child.ended)
            child.bonus += self._hope(child.partial)
        else:
            child.partial = prefix.partial + head
            child.begun = prefix.begun or child
            child.bonus += self._hope(child.partial) - self._hope(prefix.partial)
        if self.beginnings is not None and child.partial not in self.beginnings:
            return None
        return child

    def worth(self, word: bytes, before: Gram) -> float:
        """What a whole word adds, in nats."""
        found = self.choice.word_bonus + self.hot.get(word, 0.0)
        if self.model is not None and self.choice.language_weight:
            text = word.decode("utf-8", "replace")
            found += self.choice.language_weight * self.model.log_probability(text, before)
        return found

    def at_the_end(self, prefix: Prefix, ends: bool) -> float:
        """What it is worth when its last word is complete, and the sentence too where it `ends`."""
        bonus, before = prefix.bonus, prefix.before
        if not self.complete(prefix):
            return bonus - UNFINISHED
        if prefix.partial:
            bonus += self.worth(prefix.partial, before) - self._hope(prefix.partial)
            if self.model is not None:
                before = self.model.after(before, prefix.partial.decode("utf-8", "replace"))
        if ends and self.model is not None and self.choice.language_weight:
            bonus += self.choice.language_weight * self.model.log_probability(END, before)
        return bonus

    def complete(self, prefix: Prefix) -> bool:
        """Whether its last word may end here: where words are closed, it has to be one of them."""
        return not prefix.partial or self.beginnings is None or prefix.partial in self.known

    def _hope(self, partial: bytes) -> float:
        """What the beginning of a hot word has of its bonus, so that it is not pruned before its end."""
        if not self.hot or not partial:
            return 0.0
        found = [bonus * len(partial) / len(word) for word, bonus in self.hot.items() if word.startswith(partial)]
        return max(found, default=0.0)


def heard(text: str, begun: Prefix, last: Prefix, share: float) -> HeardWord:
    """A word from the prefix of its first token to that of its last."""
    path = []
    for node in last.upward():
        path.append(node)
        if node is begun:
            break
    likely = [node.peak for node in path]
    start = begun.at
    return HeardWord(text, start, max(last.last + 1, start + 1), share, sum(likely) / len(likely), min(likely))


def to_rows(beam: Mapping[Prefix, tuple[float, float]]) -> list[list[Any]]:
    """The part of the tree that a beam stands on as plain rows, parents first, each with its two probabilities."""
    nodes = sorted({node for each in beam for node in each.upward()}, key=lambda node: node.depth)
    place = {node: number for number, node in enumerate(nodes)}
    rank = {node: number for number, node in enumerate(beam)}
    rows: list[list[Any]] = []
    for node in nodes:
        parent = -1 if node.parent is None else place[node.parent]
        begun = -1 if node.begun is None else place.get(node.begun, -1)
        rows.append(
            [parent, node.token, node.depth, node.at, node.last, node.peak, node.ended, list(node.partial), begun,
             list(node.before), node.bonus, node.share, [*beam[node], rank[node]] if node in beam else None]
        )  # fmt: skip
    return rows


def from_rows(rows: list[list[Any]]) -> dict[Prefix, tuple[float, float]]:
    """The beam that `to_rows` wrote. Raises `IndexError`, `TypeError` or `ValueError` for anything else."""
    nodes: list[Prefix] = []
    ranked: list[tuple[int, Prefix, tuple[float, float]]] = []
    for parent, token, depth, at, last, peak, ended, partial, begun, before, bonus, share, pair in rows:
        node = Prefix(nodes[parent] if parent >= 0 else None, int(token), int(at))
        node.depth, node.last, node.peak, node.ended = int(depth), int(last), float(peak), ended
        node.partial, node.before = bytes(partial), tuple(map(str, before))
        node.bonus, node.share = float(bonus), None if share is None else float(share)
        nodes.append(node)
        node.begun = nodes[begun] if begun >= 0 else None
        if node.parent is not None:
            node.parent.children[node.token] = node
        if pair is not None:
            ranked.append((int(pair[2]), node, (float(pair[0]), float(pair[1]))))
    if not ranked:
        raise ValueError("a beam without hypotheses")
    return {node: pair for _, node, pair in sorted(ranked, key=lambda each: each[0])}
