"""Sound for stand-in trailers, synthesised: a pad, drums, noise, and a blow where shots change."""

from collections.abc import Iterable

import numpy as np

from boxoffice.standins.looks import Look

SAMPLE_RATE = 24_000  # Hz
TABLE = 2048  # samples of one period of the pad's wave
STEPS = (0, 5, -3, 2)  # semitones from one bar's root to another's
BAR = 4  # beats


def soundtrack(
    look: Look, seconds: float, cuts: Iterable[float], generator: np.random.Generator
) -> np.ndarray:
    """Synthesise the sound of a trailer.

    Parameters
    ----------
    look : Look
        Its pace sets the tempo (two beats a shot), its chord the harmony, `drums` and `noise` the
        parts, `finish` how full it sounds, `loudness` the level.
    seconds : float
    cuts : iterable of float
        Where shots change, seconds from the start.
    generator : Generator

    Returns
    -------
    array of float32, shape (2, samples)
        Stereo at 24 kHz, within -1 and 1.
    """
    count = round(seconds * SAMPLE_RATE)
    beat = min(max(look.shot / 2, 0.28), 0.8)
    time = np.arange(count) / SAMPLE_RATE
    sound = _pad(look, time, beat, generator) * (0.35 + 0.65 * time / seconds)
    sound += 0.5 * look.noise * _rumble(count, generator)
    drums = np.zeros(count)
    for number, start in enumerate(np.arange(0, seconds, beat / 2)):
        _strike(drums, start, _hat(generator) if number % 2 else _kick(90), look.drums)
    for cut in cuts:
        _strike(drums, cut, _kick(45), 0.4 + look.finish)
    sound = sound + drums
    sound *= 10 ** (look.loudness / 20) / np.sqrt(np.mean(sound**2))
    return np.tanh(sound).astype(np.float32)


def _pad(look: Look, time: np.ndarray, beat: float, generator: np.random.Generator) -> np.ndarray:
    """The chord, every other note more to the left, its root changing by the bar."""
    turns = np.arange(TABLE) * (2 * np.pi / TABLE)
    overtones = 1 + round(7 * look.finish)
    wave = sum(np.sin(k * turns) / k**1.5 for k in range(1, overtones + 1)).astype(np.float32)
    bars = (time / (beat * BAR)).astype(int) % len(STEPS)
    root = 82.4 * 2 ** (generator.integers(0, 8) / 12)
    places = np.cumsum(root * 2 ** (np.array(STEPS)[bars] / 12)) * (TABLE / SAMPLE_RATE)
    sound = np.zeros((2, len(time)), np.float32)
    for number, semitones in enumerate(look.chord):
        detuned = 2 ** ((semitones + generator.uniform(-0.05, 0.05)) / 12)
        note = wave[(places * detuned).astype(np.int64) % TABLE] / len(look.chord)
        sound += np.array([[0.7], [0.3]] if number % 2 else [[0.3], [0.7]], np.float32) * note
    return sound


def _rumble(count: int, generator: np.random.Generator) -> np.ndarray:
    """Noise below 1.5 kHz: drawn at an eighth of the rate, with straight lines between."""
    coarse = generator.standard_normal(count // 8 + 2)
    return np.interp(np.arange(count) / 8, np.arange(len(coarse)), coarse).astype(np.float32)


def _kick(pitch: float) -> np.ndarray:
    """A drum that falls from about twice its pitch (Hz)."""
    time = np.arange(SAMPLE_RATE // 3) / SAMPLE_RATE
    fall = pitch * time - pitch / 30 * np.exp(-30 * time)
    return np.sin(2 * np.pi * fall) * np.exp(-10 * time)


def _hat(generator: np.random.Generator) -> np.ndarray:
    time = np.arange(SAMPLE_RATE // 20) / SAMPLE_RATE
    return 0.4 * generator.standard_normal(len(time)) * np.exp(-90 * time)


def _strike(sound: np.ndarray, start: float, drum: np.ndarray, strength: float) -> None:
    first = round(start * SAMPLE_RATE)
    rest = len(sound[first : first + len(drum)])
    sound[first : first + rest] += strength * drum[:rest]
