"""Small problems for methods and metrics, without files."""

from dataclasses import replace

from inpainting import ellipse, noise
from PIL import Image

from dreaminpainter.evaluation.cases import Case, Problem


def problem(number: int = 0, size: tuple[int, int] = (48, 32), prompt: str = "a critter waves") -> Problem:
    """A scene of noise with an elliptic hole, and a reference of noise whose subject is an ellipse."""
    width, height = size
    case = Case(f"c{number}", "edit", "scene.png", "mask.png", "cat.png", prompt, "critter", subject=f"s{number}")
    hole = ellipse(size, (width // 4, height // 4, width * 3 // 4, height * 3 // 4))
    outline = ellipse((40, 30), (5, 4, 35, 26))
    return Problem(case, noise(size, 2 * number), hole, noise((40, 30), 2 * number + 1), outline, None)


def with_reference(one: Problem, reference: Image.Image) -> Problem:
    """The same problem with another picture of the subject."""
    return replace(one, reference=reference)
