"""`Transcriber` on tones that spell words, and `ensue train speech` and `ensue transcribe` on files of them."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import ensue
from ensue import cli
from ensue.data.arpa import write_arpa
from ensue.data.word_ngrams import WordNgrams
from ensue.errors import ConfigError, DataError, UsageError
from ensue.estimators.transcriber import Transcriber

RATE = 8000
PITCH = {"a": 500, "b": 1100, "c": 2300}
TEXTS = ["ab ca", "ca ab", "b a c", "cab ba", "abc", "c ba ab", "ba cab", "a bc"]
SIZES: dict[str, Any] = {
    "preset": "fast", "hidden_size": 24, "layers": 1, "steps": 80, "learning_rate": 0.02, "augment": False,
    "rate": RATE, "dropout": 0.0, "batch_size": 8, "words_model": 2,
}  # fmt: skip


def said(text: str, seed: int = 0) -> NDArray[np.float32]:
    """A tone of a tenth of a second for each letter, silence for a space."""
    times = np.arange(800) / RATE
    tones = [np.sin(2 * np.pi * PITCH.get(each, 0) * times) for each in text]
    sound = np.concatenate([np.pad(0.5 * tone, (0, 160)) for tone in tones])
    return (sound + 0.005 * np.random.default_rng(seed).normal(size=len(sound))).astype(np.float32)


SOUNDS = [said(text, seed) for seed, text in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def streaming() -> Transcriber:
    return Transcriber(**SIZES, streaming=True).fit(SOUNDS, TEXTS, valid=(SOUNDS, TEXTS))


@pytest.fixture(scope="module")
def both_ways() -> Transcriber:
    return Transcriber(**SIZES).fit(SOUNDS, TEXTS, valid=(SOUNDS, TEXTS))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, streaming: Transcriber, both_ways: Transcriber) -> Path:
    """Recordings, a manifest and two models."""
    folder = tmp_path_factory.mktemp("speech")
    rows = ["file,text,speaker"]
    for number, (sound, text) in enumerate(zip(SOUNDS, TEXTS, strict=True)):
        soundfile.write(folder / f"{number}.wav", sound, RATE)
        rows.append(f"{number}.wav,{text},{'xyzw'[number % 4]}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    streaming.save(folder / "forward.ensue")
    both_ways.save(folder / "both.ensue")
    return folder


def test_tones_are_written_down(streaming: Transcriber, both_ways: Transcriber) -> None:
    for model in (streaming, both_ways):
        assert [each.text for each in model.transcribe(SOUNDS)] == TEXTS
        assert [each.text for each in model.transcribe(SOUNDS, greedy=True)] == TEXTS
        assert model.evaluate(SOUNDS, TEXTS).wer == 0


def test_words_have_times_and_confidence(both_ways: Transcriber) -> None:
    first, second = both_ways.transcribe(SOUNDS[:1])[0].words
    assert (first.text, second.text) == ("ab", "ca")
    assert first.start == pytest.approx(0.0, abs=0.08)
    assert first.end == pytest.approx(0.22, abs=0.08)
    assert second.start == pytest.approx(0.36, abs=0.08)
    assert 0.9 < first.confidence <= 1


def test_how_many_are_given_at_once_changes_nothing(both_ways: Transcriber) -> None:
    together = both_ways.transcribe(SOUNDS)
    for sound, transcript in zip(SOUNDS, together, strict=True):
        alone = both_ways.transcribe([sound])[0]
        assert [(word.text, word.start, word.end) for word in alone.words] == [
            (word.text, word.start, word.end) for word in transcript.words
        ]


@settings(max_examples=15)
@given(st.lists(st.integers(1, 12_000), max_size=6))
def test_a_stream_hears_the_same_in_any_chunks(streaming: Transcriber, cuts: list[int]) -> None:
    sound = np.concatenate([SOUNDS[0], np.zeros(4800, np.float32), SOUNDS[3]])
    whole = streaming.transcribe([sound])[0].words
    stream, found = streaming.stream(), []
    for first, last in itertools.pairwise(sorted({0, *(min(cut, len(sound)) for cut in cuts), len(sound)})):
        found += stream.update(sound[first:last])
        saved, stream = stream.state, streaming.stream()
        stream.state = saved
    found += stream.finish()
    assert [(word.text, word.start, word.end) for word in found] == [
        (word.text, word.start, word.end) for word in whole
    ]
    np.testing.assert_allclose([word.confidence for word in found], [word.confidence for word in whole], atol=1e-3)


def test_a_stream_tells_what_it_hears_so_far(streaming: Transcriber) -> None:
    stream = streaming.stream()
    partials = [stream.update(SOUNDS[0][at : at + 400]) or stream.partial for at in range(0, len(SOUNDS[0]), 400)]
    assert "a" in partials
    assert "ab" in partials
    stream.finish()
    assert stream.partial == ""
    with pytest.raises(UsageError) as refused:
        stream.update(SOUNDS[0])
    assert str(refused.value) == "The stream was finished: call reset() to hear another recording."
    stream.reset()
    assert [word.text for word in [*stream.update(SOUNDS[4]), *stream.finish()]] == ["abc"]


def test_a_model_that_needs_the_end_refuses_to_stream(both_ways: Transcriber) -> None:
    with pytest.raises(UsageError) as refused:
        both_ways.stream()
    assert str(refused.value) == (
        "This speech model reads in both directions, so it needs the whole recording and cannot stream: train one with "
        "streaming=True (--streaming), or call transcribe."
    )


def test_a_language_model_of_the_user_is_heard_by(streaming: Transcriber, tmp_path: Path) -> None:
    write_arpa(WordNgrams.learn(["cab ab"], order=2), tmp_path / "m.arpa")
    found = streaming.transcribe(SOUNDS[:1], model=tmp_path / "m.arpa", closed=True)[0].text.split()
    assert set(found) <= {"cab", "ab"}
    assert streaming.transcribe(SOUNDS[:1], hot={"ab": 2.0})[0].text == "ab ca"


def test_what_cannot_be_learned_from_is_left_out_and_said() -> None:
    sounds = [*SOUNDS, said("a"), SOUNDS[0], np.zeros(0, np.float32), SOUNDS[1]]
    texts = [*TEXTS, "a" * 40, "äb!", "a", " "]
    model = Transcriber(**SIZES | {"steps": 2, "alphabet": "abc "}).fit(sounds, texts, valid=(SOUNDS, TEXTS))
    assert model.findings_[:4] == (
        "Left out 1 recordings without a text.",
        "Left out 1 file (number 11) that cannot be read; the first: An array of shape (0,) was given, expected samples "
        "(n,) from -1 to 1.",
        "Left out 1 file ('äb!') whose text is not in the alphabet: 'ä', '!'.",
        "Left out 1 file ('aaaaaaaaaaaaaaaaaaaa') with more letters than the network has steps (0.02 s each): the text is "
        "longer than what can be said in the time.",
    )


@pytest.mark.parametrize(
    ("items", "texts", "error", "said_"),
    [
        (SOUNDS, TEXTS[1:], DataError, "8 recordings and 7 texts were given, expected equally many."),
        ([], [], DataError, "There are no recordings, expected some with their texts."),
        (SOUNDS, [" "] * 8, DataError, "All 8 texts are blank, expected what is said in each recording."),
        (SOUNDS[:1], TEXTS[:1], DataError, "1 recording was given, expected 2 at least, to learn from and to validate on."),
        (SOUNDS, None, UsageError, "A list was given without texts, expected a manifest: give its path, or a list of "
         "recordings with a list of what is said in them."),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(items: Any, texts: Any, error: type[Exception], said_: str) -> None:
    with pytest.raises(error) as refused:
        Transcriber(**SIZES).fit(items, texts)
    assert str(refused.value) == said_


@pytest.mark.parametrize(
    ("choices", "said_"),
    [
        ({"tokens": "letters"}, "tokens is 'letters', choose from 'characters', 'subwords', 'words'."),
        ({"alphabet": "abca"}, "alphabet has 'a' twice, expected different characters, such as 'abc '."),
        ({"words_model": 99}, "speech: words_model is 99, expected a whole number from 0 to 9."),
        ({"alphabet": "ab", "tokens": "words"}, "An alphabet is given and tokens is 'words', expected characters: leave "
         "one out."),
    ],
)  # fmt: skip
def test_choices_that_cannot_be_are_refused(choices: dict[str, Any], said_: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Transcriber(**SIZES | choices).fit(SOUNDS, TEXTS)
    assert str(refused.value) == said_


def test_words_and_subwords_may_be_written() -> None:
    for tokens in ("words", "subwords"):
        model = Transcriber(**SIZES | {"tokens": tokens, "steps": 150}).fit(SOUNDS, TEXTS, valid=(SOUNDS, TEXTS))
        assert model.evaluate(SOUNDS, TEXTS).wer < 0.2, tokens


def test_use_needs_no_pytorch(folder: Path) -> None:
    code = (
        "import sys, ensue, numpy as np\n"
        f"model = ensue.load({str(folder / 'forward.ensue')!r})\n"
        f"print(model.transcribe([{str(folder / '0.wav')!r}])[0].text)\n"
        "stream = model.stream(); stream.update(np.zeros(800, np.float32)); stream.finish()\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "ab ca\n"), done.stderr


def test_another_rate_is_resampled_and_said(folder: Path, both_ways: Transcriber, tmp_path: Path) -> None:
    import soxr

    soundfile.write(tmp_path / "a.flac", soxr.resample(SOUNDS[0], RATE, 16000), 16000)
    found = both_ways.transcribe([tmp_path / "a.flac"])[0]
    assert found.text == "ab ca"
    assert found.findings == ("Resampled from 16,000 to 8,000 samples a second, the rate that is listened to.",)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.run([str(each) for each in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_train_and_transcribe_on_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = folder / "new.ensue"
    small = ("--preset", "fast", "--steps", 6, "--streaming", "--as-recorded")
    code, out, err = run(capsys, "train", "speech", folder / "clips.csv", "-o", model, *small)
    assert code == 0, err
    assert "new.ensue: 6 steps in " in out
    assert "Validation: word error rate " in out
    assert "texts from 'text', speakers from 'speaker'." in err
    assert "Validates on 2 utterances of 1 speaker (" in err
    assert ensue.load(model).describe()["causal"] is True


def test_what_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, first = folder / "both.ensue", folder / "0.wav"
    assert run(capsys, "transcribe", "-m", model, first)[:2] == (0, "ab ca\n")
    _, out, _ = run(capsys, "transcribe", "-m", model, "--json", first)
    found = json.loads(out)
    assert (found["file"], found["text"], found["words"][1]["word"]) == (str(first), "ab ca", "ca")
    _, out, _ = run(capsys, "transcribe", "-m", model, "--times", first)
    assert [line.split("\t")[3] for line in out.splitlines()] == ["ab", "ca"]
    _, out, _ = run(capsys, "transcribe", "-m", model, "--srt", first)
    assert out.startswith("1\n00:00:00,")
    assert out.splitlines()[2] == "ab ca"


def test_a_file_that_fails_is_named_and_the_rest_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.wav").write_bytes(b"nothing")
    files = [folder / "0.wav", folder / "bad.wav", folder / "1.wav"]
    code, out, err = run(capsys, "transcribe", "-m", folder / "both.ensue", *files)
    assert code == 1
    assert out == f"{files[0]}\tab ca\n{files[2]}\tca ab\n"
    assert f"'{files[1]}' cannot be read as sound (Format not recognised), expected WAV, FLAC, OGG or MP3." in err
    assert err.endswith(f"ensue: 1 of 3 files could not be read: {files[1]}.\n")


def test_a_pipe_is_heard_as_it_comes(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = (SOUNDS[0] * 32767).astype("<i2").tobytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
    code, out, err = run(capsys, "transcribe", "-m", folder / "forward.ensue", "--stream", "-")
    assert (code, out.split()) == (0, ["ab", "ca"])
    assert "... ab" in err
    code, out, _ = run(
        capsys, "-q", "transcribe", "-m", folder / "forward.ensue", "--stream", "--json", folder / "0.wav"
    )
    assert " ".join(json.loads(line)["text"] for line in out.splitlines()) == "ab ca"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((folder / "0.wav").read_bytes())))
    code, out, err = run(capsys, "-q", "transcribe", "-m", folder / "forward.ensue", "--stream", "-")
    assert (code, out.split(), err) == (0, ["ab", "ca"], "")


@pytest.mark.parametrize(
    ("arguments", "code", "said_"),
    [
        (("-m", "both.ensue", "-"), 2, "- is sound that comes while it is heard: give it alone and with --stream."),
        (("-m", "both.ensue", "--srt", "0.wav", "1.wav"), 2, "--srt makes one file of subtitles, expected one recording "
         "and no --stream."),
        (("-m", "both.ensue", "--srt", "--json", "0.wav"), 2, "More than one of --times, --srt and --json is given, "
         "expected one."),
        (("-m", "both.ensue", "--hot", "ab:x", "0.wav"), 2, "--hot is 'ab:x', expected a word and its bonus, such as "
         "yes:3."),
        (("-m", "both.ensue", "--stream", "0.wav"), 2, "This speech model reads in both directions, so it needs the whole "
         "recording and cannot stream: train one with streaming=True (--streaming), or call transcribe."),
        (("-m", "both.ensue", "--lm", "clips.csv", "0.wav"), 1, "'clips.csv' is no ARPA language model, expected a file "
         "that begins with \\data\\ and ends with \\end\\."),
        (("-m", "both.ensue", "no.wav"), 1, "There is no file 'no.wav': check its path."),
    ],
)  # fmt: skip
def test_bad_calls_are_refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: Any,
    code: int,
    said_: str,
) -> None:
    monkeypatch.chdir(folder)
    assert run(capsys, "-q", "transcribe", *arguments) == (code, "", f"ensue: {said_}\n")
