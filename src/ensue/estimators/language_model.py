"""Language models: what comes next in a text, learned from the user's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ensue.data.corpus import Prepared, blocks, last_part, prepare
from ensue.data.text import SPECIAL, UNKNOWN, TextOptions
from ensue.data.text_files import lines_ended
from ensue.errors import ModelFileError, UsageError, nearest
from ensue.estimators.base import Estimator, needs_torch
from ensue.layers.base import check_whole
from ensue.reports import Progress
from ensue.tasks.language_model import LanguageModelTask
from ensue.tasks.language_options import SIZES, LanguageOptions, LanguageRecipe
from ensue.tasks.task_file import Weights

if TYPE_CHECKING:
    from ensue.runtime.language import LanguageRuntime, LanguageStream, Score
    from ensue.runtime.sampling import Sampling
    from ensue.runtime.word_cache import Cache

FILE_NAME = re.compile(r"\S{1,300}\.(txt|text|md|rst|tex|csv|tsv|json|jsonl|html?|gz|xz|bz2)", re.IGNORECASE)
"""What no text is, and many a name of a file."""
SET_ASIDE = 0.1
"""Share of a text at its end that is not learned from but validated on, unless a text for that is given."""


class LanguageModel(Estimator[LanguageModelTask]):
    """Learns a text and says what comes next in it.

        model = ensue.LanguageModel().fit(Path("plays.txt"))
        print("".join(model.generate("ROMEO:", 200, temperature=0.8)))
        print(model.evaluate(Path("another.txt")).perplexity)

    Args:
        tokens, vocabulary, lowercase, normalise: how the text is cut, see `ensue.data.text.TextOptions`.
        options: how it is trained, by the names of `ensue.tasks.language_options.LanguageOptions`, such as preset="fast",
            hidden_size=512, epochs=10, seed=0.

    Raises `UsageError` for an argument that cannot be right.
    """

    task_type: ClassVar[type[Any]] = LanguageModelTask

    def __init__(
        self,
        *,
        tokens: str = "auto",
        vocabulary: int | None = None,
        lowercase: bool = False,
        normalise: str = "NFC",
        **options: Any,
    ) -> None:
        self._text = TextOptions(tokens, vocabulary, lowercase, normalise)
        self._options = _options(options)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every argument and its value, in the way of scikit-learn."""
        return {**vars(self._text), **vars(self._options)}

    def set_params(self, **changed: Any) -> LanguageModel:
        """Change arguments; a fitted model stays as it was fitted."""
        self.__dict__.update(type(self)(**self.get_params() | changed).__dict__)
        return self

    def fit(
        self,
        text: str | Path,
        valid: str | Path | None = None,
        *,
        start_from: str | Path | LanguageModel | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> LanguageModel:
        """Learn a text.

        Args:
            text: a `Path` names a file (UTF-8, may be compressed, may be longer than memory); a `str` is the text itself.
            valid: a text to validate on; None: the last tenth of the text.
            start_from: a model to go on from, with its tokens and its sizes, which become this one's arguments; dropout may
                be another one.
            checkpoint: file that is written while training, and gone on from with `resume`. What is prepared of a long
                file is kept beside it.

        Ctrl-C keeps the best so far. Raises `DataError` for a text that cannot be used, and `UsageError` for arguments that
        the model to go on from cannot have.
        """
        with needs_torch():
            from ensue.learn.language_model import Corpus, learn

        checkpoint = None if checkpoint is None else Path(checkpoint)
        if resume and checkpoint is None:
            raise UsageError("resume is asked for without a checkpoint: give the file that the training wrote.")
        for each in (text, valid):
            _check_text(each)
        before = None if start_from is None else self._before(start_from)
        chosen = self if before is None else type(self)(**self._going_on(before))
        front_end = None if before is None else before.task_.front_end
        folder = (
            None
            if checkpoint is None
            else checkpoint.with_name(checkpoint.name.removesuffix(".checkpoint") + ".prepared")
        )
        prepared = prepare(text, chosen._text, front_end=front_end, folder=folder)
        if valid is None:
            train, held = last_part(prepared.tokens, SET_ASIDE)
            digests = [prepared.digest]
        else:
            other = prepare(valid, chosen._text, front_end=prepared.front_end, folder=folder)
            train, held, digests = prepared.tokens, other.tokens, [prepared.digest, other.digest]
        options = chosen._options.chosen(prepared.front_end.kind, len(train))
        task = LanguageModelTask(prepared.front_end, options.sizes)
        self.findings_ = (*prepared.findings, _found(prepared, len(train), len(held)))
        weights, report = learn(
            task,
            Corpus(train, held),
            options,
            begin=None if before is None else _weights_for(task, before),
            checkpoint=checkpoint,
            resume=resume,
            fingerprint=_fingerprint(digests, task, options),
            progress=progress,
        )
        self.set_params(**chosen.get_params())
        self._learned(task, {"network": weights}, report)
        self.__dict__.pop("_runtime_", None)
        return self

    def evaluate(self, text: str | Path, *, cache: Cache | None = None) -> Score:
        """What a text costs the model: perplexity, bits per character, tokens, unknown ones.

        Args:
            cache: looks at the words of a little while ago as well (`ensue.runtime.word_cache.Cache`).

        Raises `DataError` for a text that cannot be read.
        """
        self._check_fitted()
        _check_text(text)
        return self._runtime().score_text(blocks(text), cache)

    def generate(
        self, prompt: str = "", count: int = 200, *, sampling: Sampling | None = None, **how: Any
    ) -> Iterator[str]:
        """Write on after a prompt, a token at a time: pieces of text as they are written.

        Args:
            prompt: read first; what the model does not know of it is read as unknown.
            count: tokens to write.
            sampling: how they are drawn; or its fields by name, such as temperature=0.8.
        """
        from ensue.runtime.sampling import Sampling as Drawn

        self._check_fitted()
        runtime = self._runtime()
        check_whole("generate", "count", count)
        if not isinstance(prompt, str):
            raise UsageError(f"A {type(prompt).__name__} was given as prompt, expected a str.")
        unknown = next((name for name in how if name not in Drawn.__dataclass_fields__), None)
        if unknown is not None:
            known = ("count", *Drawn.__dataclass_fields__)
            raise UsageError(f"generate has no argument '{unknown}', {nearest(unknown, known)}")
        drawn = sampling or Drawn(**how)
        begun, decoder = lines_ended(prompt), runtime.front_end.decoder()
        decoder.after(begun)

        def pieces() -> Iterator[str]:
            for token in runtime.write(runtime.front_end.encode(begun), count, drawn):
                if piece := decoder.push(token):
                    yield piece
            if piece := decoder.finish():
                yield piece

        return pieces()

    def stream(self) -> LanguageStream:
        """Reads text as it comes and tells what is expected next, without PyTorch."""
        from ensue.runtime.language import LanguageStream

        self._check_fitted()
        return LanguageStream(self._runtime())

    def describe(self) -> dict[str, Any]:
        """What the fitted model is, as plain values."""
        described, front_end = super().describe(), self.task_.front_end
        text = {"tokens": front_end.kind, "vocabulary": front_end.size, "lowercase": front_end.lowercase}
        return described | {"text": text | {"normalise": front_end.normalise}, "sizes": vars(self.task_.sizes)}

    def _runtime(self) -> LanguageRuntime:
        from ensue.runtime.language import LanguageRuntime

        if "_runtime_" not in self.__dict__:
            self._runtime_ = LanguageRuntime(self.task_, self.weights_["network"])
        return self._runtime_

    def _going_on(self, before: LanguageModel) -> dict[str, Any]:
        """The arguments that go with a model to go on from. Raises `UsageError` where one was given that does not."""
        given, usual, text = self.get_params(), type(self)().get_params(), before.task_.front_end
        held = {name: getattr(before.task_.sizes, name) for name in SIZES}
        held |= {"tokens": text.kind, "lowercase": text.lowercase, "normalise": text.normalise}
        for name, value in held.items():
            if given[name] not in (usual[name], value):
                raise UsageError(
                    f"{name} is {given[name]!r}, but the model to go on from has {value!r}: leave it out, or train without "
                    "that model."
                )
        own = text.size - len(SPECIAL)
        if given["vocabulary"] is not None and given["vocabulary"] < own:
            raise UsageError(
                f"vocabulary is {given['vocabulary']}, but the model to go on from has {own} {text.kind}: leave it out, or "
                "train without that model."
            )
        return given | vars(self._options.going_on(before.task_.sizes)) | held

    def _before(self, start: str | Path | LanguageModel) -> LanguageModel:
        from ensue.estimators import load

        before = load(start) if isinstance(start, (str, Path)) else start
        if not isinstance(before, LanguageModel):
            task = before.describe()["task"]
            raise ModelFileError(f"{start} holds a {task} model, expected a language model to begin from.")
        before._check_fitted()
        return before


def _check_text(text: object) -> None:
    """Refuse what is no text, and a text that is the name of a file."""
    if not (text is None or isinstance(text, str | Path)):
        raise UsageError(f"A {type(text).__name__} was given as text, expected a str, or a Path that names a file.")
    if isinstance(text, str) and len(text) < 300 and "\n" not in text and text.strip() and Path(text).is_file():
        raise UsageError(f"The text given is '{text}', the name of a file: give Path('{text}') to read that file.")
    if isinstance(text, str) and FILE_NAME.fullmatch(text):
        raise UsageError(
            f"The text given is '{text}', which looks like the name of a file that is not there: give the Path of one, or "
            "the text itself."
        )


def _options(given: dict[str, Any]) -> LanguageOptions:
    from ensue.errors import nearest

    known = [each.name for each in fields(LanguageOptions)]
    for name in given:
        if name not in known:
            raise UsageError(f"LanguageModel has no argument '{name}': {nearest(name, known)}")
    return LanguageOptions(**given)


def _found(prepared: Prepared, learned: int, held: int) -> str:
    front_end = prepared.front_end
    unknown = int(prepared.counts[UNKNOWN])
    return (
        f"text: {learned:,} {front_end.kind} to learn from and {held:,} set aside, of {front_end.size:,} different ones; "
        f"{unknown:,} unknown."
    )


def _weights_for(task: LanguageModelTask, before: LanguageModel) -> Weights:
    """The weights of a model for one that differs in dropout alone, whose layers then have other numbers."""
    weights, names = before.weights_["network"], before.task_.networks()["network"].parameters()
    own = task.networks()["network"].parameters()
    return {name: weights[old] for name, old in zip(own, names, strict=True)}


def _fingerprint(digests: list[str], task: LanguageModelTask, recipe: LanguageRecipe) -> str:
    """Of a training run: a checkpoint of another one is refused. A run may go on elsewhere."""
    import hashlib
    import json

    numbers = {name: value for name, value in vars(recipe).items() if name not in ("threads", "device")}
    return hashlib.sha256(json.dumps([task.to_json(), numbers, digests], sort_keys=True).encode()).hexdigest()
