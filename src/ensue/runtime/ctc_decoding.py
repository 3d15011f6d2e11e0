"""From the probabilities of a CTC network to words: a prefix beam search that goes on for as long as there is sound.

Hannun et al. (2014), algorithm 1, after Graves et al. (2006), sec. 3.2: a hypothesis is what was written so far, with the
probability of all paths that write it, those that end in a blank apart from the others. What all hypotheses agree on
becomes final and is forgotten, so the cost of a step stays the same for hours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.word_ngrams import WordNgrams
from ensue.errors import UsageError
from ensue.runtime.ctc_prefixes import HeardWord, Prefix, Prefixes, from_rows, heard, to_rows
from ensue.tasks.alphabet import BLANK, Alphabet
from ensue.tasks.speech_beam import BeamChoice, hot_words

SELDOM = 1e-3
"""A token less likely than this at a step lengthens no hypothesis."""
MOST = 12
"""Tokens that lengthen hypotheses at a step, at most."""
FAR = 12.0
"""Nats behind the best at which a hypothesis is given up."""
LOOK_EVERY = 4
"""Steps between two looks at what all hypotheses agree on."""
AGREED = 0.9995
"""The share of the beam from which a word is final."""
LONGEST = 20
"""Words that may be undecided: beyond them the best hypothesis is believed."""
TINY = 1e-300


class BeamDecoder:
    """Reads log probabilities as they come and gives words as they become final.

    Args:
        pause: steps in which the best hypothesis hears nothing, after which its words are final; None: never.

    >>> decoder = BeamDecoder(Alphabet.of("ab"), BeamChoice(beam=4))
    >>> def sure(*classes):  # each likely in one step
    ...     return np.log(1e-4 + np.eye(4)[list(classes)])
    >>> [word.text for word in decoder.push(sure(1, 0, 1, 2, 3, 3, 0, 2, 0))], decoder.partial()[-1].text
    (['aab'], 'b')
    >>> [word.text for word in decoder.finish()]
    ['b']
    """

    def __init__(
        self,
        alphabet: Alphabet,
        choice: BeamChoice,
        model: WordNgrams | None = None,
        hot: Mapping[str, float] | None = None,
        pause: int | None = None,
    ) -> None:
        self.prefixes = Prefixes(alphabet, choice, model, hot_words(hot))
        self.width, self.pause, self.classes = choice.beam, pause, alphabet.size
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self.step, self.quiet = 0, 0
        self.beam: dict[Prefix, tuple[float, float]] = {self.prefixes.root(): (1.0, 0.0)}

    def push(self, log_p: NDArray[np.float32]) -> list[HeardWord]:
        """The words that are final after some more steps `(steps, classes)`."""
        if log_p.ndim != 2 or log_p.shape[1] != self.classes:
            raise UsageError(f"The log probabilities have shape {log_p.shape}, expected (steps, {self.classes}).")
        found: list[HeardWord] = []
        for row in np.exp(log_p.astype(np.float64)):
            self._advance(row)
            if self.step % LOOK_EVERY == 0:
                self._measure(next(iter(self.beam)))
                found += self._agreed()
            if self.pause is not None and self.quiet >= self.pause:
                found += self._end(ends=False)
        return found

    def partial(self) -> list[HeardWord]:
        """What the best hypothesis says beyond the final words; the next steps may change it."""
        best = self._best(ends=False)
        return self._words(best, whole=True)

    def finish(self) -> list[HeardWord]:
        """The rest of the words, when nothing more comes; then it begins anew."""
        found = self._end(ends=True)
        self.reset()
        return found

    @property
    def state(self) -> dict[str, Any]:
        """Everything it remembers, as plain values."""
        return {"step": self.step, "quiet": self.quiet, "prefixes": to_rows(self.beam)}

    @state.setter
    def state(self, plain: Mapping[str, Any]) -> None:
        self.beam = from_rows(plain["prefixes"])
        self.step, self.quiet = int(plain["step"]), int(plain["quiet"])

    def _advance(self, p: NDArray[np.float64]) -> None:
        """One step: every hypothesis stays as it is, or grows by a token."""
        likely = [token for token in np.flatnonzero(p > SELDOM).tolist() if token != BLANK]
        if len(likely) > MOST:
            likely = sorted(likely, key=lambda token: -p[token])[:MOST]
        chance = p.tolist()
        after: dict[Prefix, list[float]] = {}  # ended in a blank, in a token, and in one that came in this step
        for prefix, (blank, spoken) in self.beam.items():
            total = blank + spoken
            entry = after.setdefault(prefix, [0.0, 0.0, 0.0])
            entry[0] += total * chance[BLANK]
            if prefix.token != BLANK:
                entry[1] += spoken * chance[prefix.token]
            for token in likely:
                grown = (blank if token == prefix.token else total) * chance[token]
                if grown <= TINY:
                    continue
                child = self._child(prefix, token)
                if child is not None:
                    entry = after.setdefault(child, [0.0, 0.0, 0.0])
                    entry[1] += grown
                    entry[2] += grown
        self._keep(after, chance)
        self.step += 1

    def _child(self, prefix: Prefix, token: int) -> Prefix | None:
        try:
            return prefix.children[token]
        except KeyError:
            child = prefix.children[token] = self.prefixes.extend(prefix, token, self.step)
            if child is not None:
                child.peak = -math.inf
            return child

    def _keep(self, after: dict[Prefix, list[float]], chance: list[float]) -> None:
        """The best hypotheses, their probabilities divided by the largest."""
        scored = [(math.log(each[0] + each[1] + TINY) + prefix.bonus, prefix) for prefix, each in after.items()]
        scored.sort(key=lambda each: -each[0])
        kept = [prefix for score, prefix in scored[: self.width] if score > scored[0][0] - FAR]
        largest = max(after[prefix][0] + after[prefix][1] for prefix in kept)
        self.beam = {prefix: (after[prefix][0] / largest, after[prefix][1] / largest) for prefix in kept}
        for prefix in kept:
            blank, spoken, came = after[prefix]
            if prefix.token != BLANK:
                self._time(prefix, math.log(chance[prefix.token] + TINY), 2 * came > blank + spoken)
        nothing = after[kept[0]][0] > 10 * after[kept[0]][1]
        self.quiet = self.quiet + 1 if nothing and (kept[0].parent is not None or kept[0].partial) else 0

    def _time(self, prefix: Prefix, likely: float, came: bool) -> None:
        """When the token of a prefix came, and when it was likeliest, on the paths that most of its probability is on."""
        if came:
            prefix.at, prefix.last, prefix.peak = self.step, self.step, likely
        elif likely >= prefix.peak and self.step - prefix.last == 1:
            prefix.last, prefix.peak = self.step, likely

    def _best(self, ends: bool) -> Prefix:
        """The best hypothesis, its last word taken as complete."""
        best, score = next(iter(self.beam)), -math.inf
        for prefix, (blank, spoken) in self.beam.items():
            total = math.log(blank + spoken + TINY) + self.prefixes.at_the_end(prefix, ends)
            if total > score:
                best, score = prefix, total
        return best

    def _end(self, ends: bool) -> list[HeardWord]:
        """Believe the best hypothesis, and begin again after it."""
        best = self._best(ends)
        self._measure(best, last=True)
        found = self._words(best, whole=self.prefixes.complete(best))
        before = best.before
        if self.prefixes.model is not None and best.partial and self.prefixes.complete(best):
            before = self.prefixes.model.after(before, found[-1].text)
        self.beam, self.quiet = {self.prefixes.root(before): (1.0, 0.0)}, 0
        return found

    def _agreed(self) -> list[HeardWord]:
        """The words that as good as all hypotheses share; they are cut off and forgotten, and so are those that do not."""
        best = next(iter(self.beam))
        ends = [node for node in best.upward() if node.ended is not None and node.parent is not None]
        if not ends:
            return []
        mass, whole = self._masses()
        shared = next((node for node in ends if mass[node] >= AGREED * whole), None)
        if shared is None and len(ends) > LONGEST:
            shared = ends[-1]
        if shared is None:
            return []
        self.beam = {prefix: pair for prefix, pair in self.beam.items() if shared in prefix.upward()}
        found = self._words(shared, whole=False)
        shared.parent, shared.ended = None, None
        return found

    def _words(self, prefix: Prefix, whole: bool) -> list[HeardWord]:
        """The words on the way to a prefix; `whole`: with the one that is not complete."""
        found = []
        if whole and prefix.partial and prefix.begun is not None:
            share = 1.0 if prefix.share is None else prefix.share
            found.append(heard(prefix.partial.decode("utf-8", "replace"), prefix.begun, prefix, share))
        for node in prefix.upward():
            if node.ended is not None and node.parent is not None and node.parent.begun is not None:
                share = 1.0 if node.share is None else node.share
                found.append(heard(node.ended, node.parent.begun, node.parent, share))
        return found[::-1]

    def _measure(self, best: Prefix, last: bool = False) -> None:
        """The share of the beam that each word of a hypothesis has, once, soon after it was complete."""
        asked = [node for node in best.upward() if node.ended is not None and node.share is None and node.parent]
        if last and best.partial:
            asked.append(best)
        if not asked:
            return
        mass, whole = self._masses()
        for node in asked:
            before = next((each for each in node.upward() if each is not node and each.ended is not None), None)
            node.share = min(1.0, mass[node] / (whole if before is None else mass[before]))

    def _masses(self) -> tuple[dict[Prefix, float], float]:
        """The weight of all hypotheses that go through each prefix, and of all there are."""
        scores = {prefix: math.log(sum(pair) + TINY) + prefix.bonus for prefix, pair in self.beam.items()}
        top, mass, whole = max(scores.values()), dict[Prefix, float](), 0.0
        for prefix, score in scores.items():
            weight = math.exp(score - top)
            whole += weight
            for node in prefix.upward():
                mass[node] = mass.get(node, 0.0) + weight
        return mass, whole


def greedy(alphabet: Alphabet, log_p: NDArray[np.float32]) -> list[HeardWord]:
    """The words of the likeliest path, the likeliest class of every step (Graves et al. 2006, sec. 3.2, best path)."""
    decoder = BeamDecoder(alphabet, BeamChoice(beam=1))
    path = log_p.argmax(axis=1)
    hard = np.where(np.arange(log_p.shape[1]) == path[:, None], np.minimum(log_p, -1e-9), -np.inf)
    return [*decoder.push(hard), *decoder.finish()]
