"""A language model of words: how likely each is after the ones before it, with interpolated Kneser-Ney smoothing.

Kneser & Ney (1995) in the interpolated form of Chen & Goodman (1999, sec. 3.3 and eq. 23): of every count a discount is
taken, and what that frees goes to the model of one word less, which counts in how many contexts a word came, not how
often. Written with back-off weights, as ARPA files have it (`data.arpa`), and used by what listens.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ensue.errors import DataError

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
NEVER = -99.0
"""What ARPA files write for the logarithm of zero."""
LOG10 = math.log(10)

Gram = tuple[str, ...]


@dataclass(frozen=True)
class WordNgrams:
    """Made by `learn`, or read from a file by `data.arpa.read_arpa`.

    >>> model = WordNgrams.learn(["yes no", "yes yes no", "no"], order=2)
    >>> sum(model.probability(word, ("yes",)) for word in ("yes", "no", END, UNKNOWN)).__round__(6)
    1.0
    """

    order: int
    grams: Mapping[Gram, tuple[float, float]]
    """For each run of words: the logarithm to base 10 of the last one's probability, and of the back-off weight."""

    @classmethod
    def learn(cls, texts: Iterable[str], order: int = 3) -> WordNgrams:
        """The model of these sentences. Raises `DataError` where there is no word in them."""
        sentences = [(BEGIN, *text.split(), END) for text in texts if text.split()]
        if not sentences:
            raise DataError("The transcripts hold no word, expected some to learn a language model from.")
        counts = _counts(sentences, order)
        grams: dict[Gram, tuple[float, float]] = {}
        lower = _unigrams(counts[0])
        chances: dict[Gram, float] = lower
        for number in range(2, order + 1):
            chances, weights = _interpolated(counts[number - 1], lower)
            for gram, chance in lower.items():
                grams[gram] = (_log10(chance), _log10(weights.get(gram, 1.0)))
            lower = chances
        for gram, chance in chances.items():
            grams[gram] = (_log10(chance), 0.0)
        begin = grams.get((BEGIN,), (NEVER, 0.0))
        grams[(BEGIN,)] = (NEVER, begin[1])
        return cls(order, grams)

    @cached_property
    def words(self) -> frozenset[str]:
        """All it knows, without the marks of beginning, end and unknown."""
        return frozenset(gram[0] for gram in self.grams if len(gram) == 1) - {BEGIN, END, UNKNOWN}

    @property
    def start(self) -> Gram:
        """What stands before the first word."""
        return (BEGIN,)[: self.order - 1]

    def after(self, before: Gram, word: str) -> Gram:
        """What stands before the next word, when this one followed; no longer than the model looks back."""
        known = word if (word,) in self.grams else UNKNOWN
        return (*before, known)[-(self.order - 1) :] if self.order > 1 else ()

    def log_probability(self, word: str, before: Gram) -> float:
        """Of a word after these, in nats; one that is not known is `<unk>`, and impossible where the model has none."""
        if (word,) not in self.grams:
            word = UNKNOWN
        before = before[-(self.order - 1) :] if self.order > 1 else ()
        total = 0.0
        while True:
            found = self.grams.get((*before, word))
            if found is not None:
                return (total + found[0]) * LOG10
            if not before:
                return NEVER * LOG10
            total += self.grams.get(before, (0.0, 0.0))[1]
            before = before[1:]

    def probability(self, word: str, before: Gram) -> float:
        """Of a word after these."""
        return math.exp(self.log_probability(word, before))

    def perplexity(self, texts: Sequence[str]) -> float:
        """Of these sentences, a word and each sentence's end.

        >>> round(WordNgrams.learn(["yes no"] * 9, order=2).perplexity(["yes no"]), 1)
        1.0
        """
        total, count = 0.0, 0
        for text in texts:
            before = self.start
            for word in (*text.split(), END):
                total -= self.log_probability(word, before)
                before = self.after(before, word)
                count += 1
        return math.exp(total / max(count, 1))

    def to_json(self) -> dict[str, Any]:
        """As plain values: words once, and runs of their numbers."""
        words = sorted({word for gram in self.grams for word in gram})
        number = {word: i for i, word in enumerate(words)}
        rows = [[*(number[word] for word in gram), *values] for gram, values in self.grams.items()]
        return {"order": self.order, "words": words, "grams": rows}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> WordNgrams:
        """What was described. Raises `KeyError`, `TypeError`, `ValueError` or `IndexError` for anything else."""
        words, grams = plain["words"], {}
        for row in plain["grams"]:
            *numbers, chance, weight = row
            grams[tuple(words[number] for number in numbers)] = (float(chance), float(weight))
        order = plain["order"]
        if not isinstance(order, int) or not 1 <= order <= 20 or not all(isinstance(word, str) for word in words):
            raise ValueError("the order or the words of its language model")
        if not grams or max(map(len, grams)) != order or not all(map(len, grams)):
            raise ValueError("the runs of words of its language model")
        return cls(order, grams)


def _counts(sentences: Sequence[Gram], order: int) -> list[Counter[Gram]]:
    """Of each order: occurrences for the highest; for lower ones in how many contexts a run came, or, where it begins a
    sentence and so has none, how often."""
    occurrences: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for sentence in sentences:
        for size in range(1, order + 1):
            occurrences[size - 1].update(sentence[i : i + size] for i in range(len(sentence) - size + 1))
    counts = [occurrences[-1]]
    for size in range(order - 1, 0, -1):
        contexts: Counter[Gram] = Counter(gram[1:] for gram in occurrences[size])
        contexts.update({gram: count for gram, count in occurrences[size - 1].items() if gram[0] == BEGIN})
        counts.insert(0, contexts)
    counts[0].pop((BEGIN,), None)
    return counts


def _discount(counts: Counter[Gram]) -> float:
    """Chen & Goodman (1999), eq. 20; a half where there are too few counts to say."""
    once = sum(count == 1 for count in counts.values())
    twice = sum(count == 2 for count in counts.values())
    return min(0.95, max(0.1, once / (once + 2 * twice))) if once else 0.5


def _unigrams(counts: Counter[Gram]) -> dict[Gram, float]:
    """Words and `<unk>`, what is discounted shared equally among all of them."""
    discount, total = _discount(counts), counts.total()
    share = discount * len(counts) / total / (len(counts) + 1)
    found = {gram: (count - discount) / total + share for gram, count in counts.items()}
    return found | {(UNKNOWN,): share, (BEGIN,): 0.0}


def _interpolated(counts: Counter[Gram], lower: Mapping[Gram, float]) -> tuple[dict[Gram, float], dict[Gram, float]]:
    """The probability of each run's last word, and what is left to the lower model after each context."""
    discount = _discount(counts)
    totals: dict[Gram, int] = defaultdict(int)
    kinds: dict[Gram, int] = defaultdict(int)
    for gram, count in counts.items():
        totals[gram[:-1]] += count
        kinds[gram[:-1]] += 1
    weights = {context: discount * kinds[context] / total for context, total in totals.items()}
    chances = {
        gram: (count - discount) / totals[gram[:-1]] + weights[gram[:-1]] * lower[gram[1:]]
        for gram, count in counts.items()
    }
    return chances, weights


def _log10(value: float) -> float:
    return math.log10(value) if value > 0 else NEVER
