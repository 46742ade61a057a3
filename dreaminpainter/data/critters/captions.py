"""English captions of the scenes: they tell everything but the critter's identity.

Example:
    >>> import torch
    >>> scene = {"hat": "crown", "mouth": "smile", "pose": "wave", "ride": "boat", "place": "beach"}
    >>> captions([scene | {"weather": "clear", "time": "night"}], torch.tensor([5]))[0][0]
    'on a beach under a clear sky, a smiling critter wearing a crown waves in a boat at night'
"""

import re

from torch import Tensor

from dreaminpainter.data.critters.attributes import VALUES
from dreaminpainter.randomness import integers

CLASS_NAME = "critter"
COUNT = 3
"""How many captions a scene has, each from another template."""

PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "mouth": {
        "smile": ("smiling", "happily smiling"),
        "open": ("laughing", "open-mouthed"),
        "frown": ("frowning", "grumpy"),
    },
    "hat": {
        "none": ("without a hat", "with a bare head"),
        "top hat": ("in a top hat", "wearing a top hat"),
        "crown": ("with a crown", "wearing a crown"),
        "party hat": ("in a party hat", "wearing a party hat"),
        "woolly cap": ("in a woolly cap", "wearing a woolly cap"),
    },
    "pose": {
        "stand": ("stands",),
        "wave": ("waves", "waves hello"),
        "jump": ("jumps", "leaps"),
        "sit": ("sits",),
    },
    "place": {
        "meadow": ("in a meadow", "in the meadows"),
        "beach": ("on a beach", "by the sea"),
        "snowy hill": ("on a snowy hill", "in the snowy mountains"),
        "desert": ("in a desert", "in the dry desert"),
        "city": ("in a city street", "in town"),
    },
    "weather": {
        "clear": ("under a clear sky", "in fine weather"),
        "cloudy": ("under clouds", "in cloudy weather"),
        "rain": ("in the rain", "in rainy weather"),
        "snow": ("in falling snow", "while snowflakes fall"),
    },
    "time": {
        "day": ("by day", "in daylight"),
        "sunset": ("at sunset", "in the evening"),
        "night": ("at night", "in the dark"),
    },
}
"""What captions can call each value. The ride's words depend on the pose: see `RIDE_PHRASES`."""

_ON_FOOT = {
    "stand": ("on the ground", "on its own feet"),
    "wave": ("from the ground",),
    "jump": ("off the ground", "up from the ground"),
    "sit": ("on the ground",),
}
_PREPOSITIONS = {"stand": ("on",), "wave": ("from", "on"), "jump": ("over", "high above"), "sit": ("on",)}
_IN_BOAT = {"stand": ("in",), "wave": ("from", "in"), "jump": ("over", "out of"), "sit": ("in",)}
RIDE_PHRASES: dict[tuple[str, str], tuple[str, ...]] = {
    (pose, ride): _ON_FOOT[pose]
    if ride == "none"
    else tuple(f"{word} a {ride}" for word in (_IN_BOAT if ride == "boat" else _PREPOSITIONS)[pose])
    for pose in VALUES["pose"]
    for ride in VALUES["ride"]
}
"""What captions can say of the ride, by (pose, ride)."""

TEMPLATES = (
    "a {mouth} critter {hat} {pose} {ride} {place} {weather} {time}",
    "{time}, a {mouth} critter {hat} {pose} {ride} {place} {weather}",
    "{place} {weather}, a {mouth} critter {hat} {pose} {ride} {time}",
    "a picture of a {mouth} critter {hat} that {pose} {ride}, {place}, {time}, {weather}",
    "{weather} {time}, a {mouth} critter {hat} {pose} {ride} {place}",
)


def captions(attributes: list[dict[str, str]], keys: Tensor) -> list[list[str]]:
    """`COUNT` captions of each scene.

    Args:
        attributes: attribute name to value, one a scene; identity attributes are not read.
        keys: (B,) int64, the scenes' keys, which choose templates and words.
    """
    firsts = integers(keys, 0, len(TEMPLATES), (1,), "critters caption template")[:, 0].tolist()
    choices = integers(keys, 0, 2**20, (COUNT, len(PHRASES) + 1), "critters caption words").tolist()
    return [
        [_fill(TEMPLATES[(first + k) % len(TEMPLATES)], values, numbers) for k, numbers in enumerate(rows)]
        for values, first, rows in zip(attributes, firsts, choices, strict=True)
    ]


def word_list(text: str) -> list[str]:
    """The words of a text, lower case, punctuation apart."""
    return re.findall(r"[a-z]+", text.lower())


_VOWEL = re.compile(r"\ba (?=[aeiou])")


def _fill(template: str, attributes: dict[str, str], numbers: list[int]) -> str:
    options = {name: PHRASES[name][attributes[name]] for name in PHRASES}
    options["ride"] = RIDE_PHRASES[attributes["pose"], attributes["ride"]]
    chosen = {name: texts[n % len(texts)] for (name, texts), n in zip(options.items(), numbers, strict=True)}
    text = template.format(**chosen)
    return _VOWEL.sub("an ", text)


def _all_words() -> frozenset[str]:
    phrases = [text for values in PHRASES.values() for texts in values.values() for text in texts]
    rides = [text for texts in RIDE_PHRASES.values() for text in texts]
    frames = [re.sub(r"{\w+}", " ", template) for template in TEMPLATES]
    return frozenset(word for text in [*phrases, *rides, *frames, CLASS_NAME, "an"] for word in word_list(text))


CAPTION_WORDS: frozenset[str] = _all_words()
"""Every word that a caption or the class name can contain."""
