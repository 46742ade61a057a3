"""`inpaint`: fills the hole of one picture with the subject of another, or of many."""

from pathlib import Path
from typing import Any

from dreaminpainter.commands.calling import call
from dreaminpainter.commands.requests import Request
from dreaminpainter.data.segmenting import Segmenter
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.pretrained import CRITTERS


def inpaint(
    image: str | None = None,
    mask_image: str | None = None,
    reference_image: str | None = None,
    prompt: str | None = None,
    jobs: str | None = None,
    checkpoint: str = CRITTERS,
    output: str | None = None,
    reference_mask: str | None = None,
    reference_box: tuple[int, int, int, int] | None = None,
    reference_segmenter: Segmenter | None = None,
    negative_prompt: str | None = None,
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    reference_scale: float | None = None,
    strength: float = 1.0,
    num_images_per_prompt: int = 1,
    seed: int = 0,
    k: int | None = None,
    height: int | None = None,
    width: int | None = None,
    padding_mask_crop: int | None = None,
    feather: int = 0,
    match_colours: bool = False,
    explain: str | None = None,
    device: str = "auto",
) -> int:
    """Fills the white of a mask with the subject of a reference picture, doing what the prompt says.

    Every pixel outside the mask is written as it was read. One picture is given by image, mask_image, reference_image
    and prompt; many by jobs, whose results table and contact sheet lie in the output folder. Stopped jobs go on where
    they were when the command is given again.

    Args:
        image: the scene, a picture file of any size and orientation.
        mask_image: black and white, of the scene's size; white is filled.
        reference_image: a picture of the subject; its transparency, or reference_mask, cuts it out.
        prompt: what the filled picture shows.
        jobs: a folder with NAME.jpg, NAME_mask.png, NAME_reference.png (and NAME_reference_mask.png) and the prompt in
            NAME.txt; or a table, CSV or JSON Lines, with the columns image, mask, reference and caption (and
            reference_mask and id), files relative to the table.
        checkpoint: a training checkpoint (RUN/checkpoints/last.ckpt), or the small last.lora.safetensors beside it, the
            folder of a saved pipeline, or "critters", the model of drawn creatures that comes with the package.
        output: the PNG to write, filled.png where left out; for jobs the folder, filled where left out.
        reference_mask: black and white, of the reference's size; white is the subject.
        reference_box: left, top, right and bottom in pixels of the part of the reference that shows the subject.
        reference_segmenter: finds the subject in a plain photograph, such as MaskRcnnSegmenter; asked where there is no
            mask and no transparency.
        negative_prompt: what the text is guided away from.
        num_inference_steps: denoising steps; more is slower and finer. By default what the model was made for.
        guidance_scale: how strongly the text is followed; by default what the model was made for. The paper's is 7.5.
        reference_scale: how strongly the reference is, for models trained with reference dropout; by default what the
            model was made for. 1 is the paper's.
        strength: above 0 and up to 1; below 1 what is in the hole shows through.
        num_images_per_prompt: how many fills each picture gets, of seeds counting up from seed.
        seed: the same seed and settings give the same picture.
        k: how many tokens stand for the subject; the trained number where left out.
        height: height that the network works at, where it shall not be found from the picture's shape.
        width: likewise.
        padding_mask_crop: work on the hole and so many pixels around it only; for small holes in large photographs.
        feather: over how many pixels the fill fades in, from the hole's edge inwards.
        match_colours: give the fill the colours that the scene has around the hole.
        explain: also write a picture of the tokens that were chosen to this PNG; not with jobs.
        device: "cpu", "cuda", "mps", or "auto" for the fastest there is.
    """
    one = {"image": image, "mask_image": mask_image, "reference_image": reference_image, "prompt": prompt}
    if jobs is None:
        request: Request | None = _request(one, reference_mask)
        _check_png("output", output)
        _check_png("explain", explain)
    else:
        request = None
        extra = [name for name, value in {**one, "reference_mask": reference_mask, "explain": explain}.items() if value]
        if extra:
            raise SettingError(f"jobs is given, and {', '.join(extra)} as well. Leave out jobs, or the others.")
    settings: dict[str, Any] = {
        "negative_prompt": negative_prompt,
        "num_inference_steps": num_inference_steps,
        "guidance_scale": guidance_scale,
        "reference_scale": reference_scale,
        "strength": strength,
        "k": k,
        "height": height,
        "width": width,
        "padding_mask_crop": padding_mask_crop,
        "feather": feather,
        "match_colours": match_colours,
    }
    # Imported for work alone: the libraries take seconds, which neither help nor a wrong path should wait for.
    from dreaminpainter.checkpoints import load_pipeline, state_of
    from dreaminpainter.commands.devices import chosen_device
    from dreaminpainter.commands.fills import Filler
    from dreaminpainter.commands.noise import silence_loading

    silence_loading()
    pipeline = load_pipeline(checkpoint).to(chosen_device(device))
    filler = Filler(pipeline, settings, seed, num_images_per_prompt, reference_box, reference_segmenter)
    if request is not None:
        from dreaminpainter.commands.single import fill_one

        fill_one(filler, request, Path(output or "filled.png"), None if explain is None else Path(explain))
        return 0
    from dreaminpainter.commands.many import fill_all

    return fill_all(filler, str(jobs), Path(output or "filled"), settings | {"weights": state_of(checkpoint)})


def _request(given: dict[str, str | None], reference_mask: str | None) -> Request:
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise SettingError(f"{', '.join(missing)} missing. Give {', '.join(given)}, all of them; or jobs.")
    image, mask, reference, prompt = (str(value) for value in given.values())
    cut_out_by = None if reference_mask is None else Path(reference_mask)
    # Told before the model is read, which takes longer.
    for flag, path in {**given, "reference_mask": reference_mask}.items():
        if flag != "prompt" and path is not None and not Path(path).is_file():
            raise MissingFileError(f"There is no file {path}, which was given as --{flag}. Check the path.")
    return Request(Path(image), Path(mask), Path(reference), prompt, cut_out_by)


def _check_png(name: str, path: str | None) -> None:
    if path is not None and Path(path).suffix.lower() != ".png":
        raise SettingError(
            f"{name}={path} is no .png; other formats would change the pixels outside the mask. Name a .png file."
        )


def run(name: str, arguments: list[str]) -> int:
    """Runs the command with the given arguments."""
    outcome: int = call(inpaint, name, arguments)
    return outcome
