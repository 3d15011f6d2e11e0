"""Composers: what comes next in a tune, learned from a folder of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ensue.data.notes.tune import Meter, Tune
from ensue.errors import UsageError
from ensue.estimators.base import Estimator, needs_torch
from ensue.reports import Progress
from ensue.tasks.melody import CODINGS, MelodyOptions, MelodyTask

if TYPE_CHECKING:
    from ensue.data.notes.folders import Collection
    from ensue.data.notes.tune import Stepped
    from ensue.runtime.composing import NoteStream, Score, Taste
    from ensue.runtime.engine import Executor


class Composer(Estimator[MelodyTask]):
    """Learns a folder of tunes, MIDI or ABC, and goes on from a tune.

        composer = ensue.Composer().fit("tunes/")
        next = composer.compose("tune.mid", bars=16, seed=1)
        ensue.data.notes.midi_files.write_midi("next.mid", next)

    Args:
        coding: 'melody', one voice; 'chords', a piano roll whose simultaneous notes are modelled jointly; 'keys', a piano
            roll whose keys are each by themselves.
        preset, seed, threads, device, precision, hidden_size, ...: how to train; see `ensue.tasks.melody.MelodyOptions`
            and `MelodyRecipe`.
        grid: steps to a quarter note; None: the coarsest that fits the tunes.

    Raises `ConfigError` for an argument that cannot be right.
    """

    task_type: ClassVar[type[Any]] = MelodyTask

    def __init__(
        self,
        *,
        coding: str = "melody",
        preset: str = "default",
        grid: int | None = None,
        seed: int = 0,
        threads: int | None = None,
        device: str = "auto",
        precision: str = "float32",
        hidden_size: int | None = None,
        layers: int | None = None,
        input_dropout: float | None = None,
        dropout: float | None = None,
        recurrent_dropout: float | None = None,
        transpose: int | None = None,
        batch_tokens: int | None = None,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        steps: int | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        _ = MelodyOptions(**given)  # refuses what cannot be right
        self.__dict__.update(given)

    def fit(
        self,
        tunes: str | Path | Collection,
        *,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Composer:
        """Learn a folder of MIDI and ABC files, one such file, or what `read_folder` has read.

        Args:
            checkpoint: file that is written while training, and gone on from with `resume`.
            progress: called after every step.

        Files that cannot be used are refused, each with a reason, in `findings_`. Ctrl-C keeps the best so far. Raises
        `DataError` where nothing can be learned from.
        """
        from ensue.data.notes.coding import Places
        from ensue.data.notes.folders import prepare, read_folder
        from ensue.data.notes.ngram import baseline

        with needs_torch():
            from ensue.learn.melody import fit

        options = MelodyOptions(**self.get_params())
        collection = read_folder(tunes) if isinstance(tunes, (str, Path)) else tunes
        prepared = prepare(collection, options.coding != "melody", options.grid)
        self.findings_ = (*collection.findings, *prepared.findings)
        coding = CODINGS[options.coding](Places(prepared.steps_per_quarter, prepared.meters))
        fitted = fit(
            prepared.training,
            prepared.held_out,
            MelodyTask(coding, options.recipe.sizes),
            options,
            baseline=baseline(coding, prepared.training, prepared.held_out),
            checkpoint=None if checkpoint is None else Path(checkpoint),
            resume=resume,
            progress=progress,
        )
        self._learned(fitted.task, {"network": fitted.weights}, fitted.report)
        self.__dict__.pop("_engine_", None)
        return self

    def compose(
        self,
        prompt: str | Path | Tune | None = None,
        *,
        bars: int = 16,
        temperature: float = 1.0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> Tune:
        """The prompt, and so many bars after it; a bar that the prompt leaves open is filled first.

        Args:
            prompt: a MIDI or ABC file, or a tune; None begins with nothing, in the commonest time signature learned.
            temperature: below 1 the likely becomes likelier; 0 takes the likeliest always.
            top_p: only the likeliest notes that together have this probability.

        What was done to the prompt is said in `prompt_findings_`; it takes `prompt_steps_` ticks of the tune. Raises
        `DataError` for a prompt that cannot be read and `UsageError` for numbers that cannot be.
        """
        import numpy as np

        from ensue.runtime.composing import Taste, compose

        self._check_fitted()
        taste: Taste = Taste(temperature, top_p)
        if not 1 <= bars <= 10_000:
            raise UsageError(f"bars is {bars}, expected 1 to 10000: give 16, for example.")
        if seed < 0:
            raise UsageError(f"seed is {seed}, expected a whole number of 0 or more.")
        begun = self._begun(prompt)
        self.prompt_steps_ = begun.steps
        open_bar = (begun.pickup - begun.steps) % begun.bar
        steps = open_bar + bars * begun.bar
        made = compose(self.task_, self._engine(), begun, steps, taste, np.random.default_rng(seed))
        return made.tune()

    def score(self, tunes: str | Path | Collection) -> Score:
        """How well the tunes of a folder or a file are foretold, in nats per step; every step of them is."""
        from ensue.data.notes.folders import read_folder
        from ensue.runtime.composing import score

        self._check_fitted()
        collection = read_folder(tunes) if isinstance(tunes, (str, Path)) else tunes
        return score(self.task_, self._engine(), [self._on_grid(tune)[0] for tune in collection.tunes])

    def stream(self, meter: Meter | None = None, pickup: int = 0) -> NoteStream:
        """A stream that reads tokens as they come and gives the distribution of the next.

        Args:
            meter: the tune's time signature; None: the commonest one learned.
            pickup: steps before its first full bar.
        """
        from ensue.runtime.composing import NoteStream

        self._check_fitted()
        return NoteStream(self.task_, self._engine(), meter, pickup)

    def describe(self) -> dict[str, Any]:
        """What the fitted composer is, as plain values."""
        plain = super().describe()
        coding = self.task_.coding
        return plain | {
            "coding": coding.kind,
            "steps_per_quarter": coding.places.steps_per_quarter,
            "time_signatures": [str(meter) for meter in coding.places.meters],
        }

    def _begun(self, prompt: str | Path | Tune | None) -> Stepped:
        from ensue.data.notes.folders import first_tune
        from ensue.data.notes.tune import Stepped, of_notes

        places = self.task_.coding.places
        if prompt is None:
            self.prompt_findings_: tuple[str, ...] = ()
            nothing = of_notes("composed", [], places.steps_per_quarter)
            return Stepped("composed", nothing.notes, 0, places.steps_per_quarter, places.meters[0])
        tune, others = first_tune(prompt) if isinstance(prompt, (str, Path)) else (prompt, ())
        stepped, said = self._on_grid(tune)
        self.prompt_findings_ = (*others, *said)
        return stepped

    def _on_grid(self, tune: Tune) -> tuple[Stepped, tuple[str, ...]]:
        """A tune as the model reads it, and what had to be done."""
        from ensue.data.notes.folders import fitted
        from ensue.data.notes.tune import on_grid

        coding, said = self.task_.coding, []
        several = coding.kind == "melody" and tune.polyphonic
        stepped = fitted(on_grid(tune, coding.places.steps_per_quarter), coding.kind != "melody")
        if several:
            said.append(f"'{tune.name}' has several voices and the model knows one: its highest voice is taken.")
        if stepped.moved:
            said.append(
                f"{stepped.moved} of {len(tune.notes)} notes of '{tune.name}' began between two of the model's "
                f"{coding.places.steps_per_quarter} steps to a quarter note and were moved to the nearest."
            )
        if tune.meter not in coding.places.meters:
            known = ", ".join(map(str, coding.places.meters))
            said.append(
                f"'{tune.name}' is in {tune.meter}, which the model has not learned (it knows {known}): it does not know "
                "where its bars begin."
            )
        return stepped, tuple(said)

    def _engine(self) -> Executor:
        from ensue.runtime.engine import Engine

        if not hasattr(self, "_engine_"):
            self._engine_ = Engine(self.task_.network(), self.weights_["network"])
        return self._engine_
