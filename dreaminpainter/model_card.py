"""The README.md of an exported model: what it is, what it was made of, and what it is for."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import yaml  # type: ignore[import-untyped]

from dreaminpainter.version import __version__


def model_card(
    name: str,
    adapter: dict[str, Any],
    provenance: dict[str, Any],
    figures: str | None = None,
    license: str | None = None,
) -> str:
    """A model card in the hub's form.

    Args:
        name: of the model.
        adapter: the config of its adapter.
        provenance: what the checkpoint tells of its run, as the callback `Provenance` writes it; may be empty.
        figures: Markdown of what was measured of it.
        license: name of the licence that its weights are under, as the hub spells it.

    Example:
        >>> adapter = {"image_size": [64, 64], "reference_size": 128, "num_inference_steps": 10}
        >>> adapter |= {"guidance_scale": 3.0, "reference_scale": 1.0}
        >>> card = model_card("mine", adapter, {}, license="apache-2.0")
        >>> "license: apache-2.0" in card, "Nothing has been measured" in card
        (True, True)
    """
    run = _run(provenance)
    sections = {
        name: _ABOUT,
        "Use": _USE.format(name=name),
        "Settings": _settings(adapter, run, provenance),
        "Data": _data(run, provenance),
        "Figures": figures.strip() if figures else "Nothing has been measured of this model.",
        "Intended use": _INTENDED,
        "Misuse": _MISUSE,
        "Licence": _licence(license),
    }
    first, *rest = (f"{title}\n\n{text}" for title, text in sections.items())
    return "\n\n".join([with_header("", license), f"# {first}", *(f"## {section}" for section in rest)]) + "\n"


def with_header(card: str, license: str | None = None) -> str:
    """A card with the lines at its top that the hub reads; as it is where it has them."""
    if card.startswith("---\n"):
        return card
    named = [f"license: {license}"] if license else []
    tags = [f"- {tag}" for tag in ("dreaminpainter", "inpainting", "subject-driven-generation")]
    header = ["---", *named, "library_name: diffusers", "pipeline_tag: image-to-image", "tags:", *tags, "---"]
    return "\n".join(header) + (f"\n\n{card}" if card else "")


def _run(provenance: dict[str, Any]) -> dict[str, Any]:
    """The settings of the run, without the name of the subcommand around them."""
    config = provenance.get("config") or {}
    settings = yaml.safe_load(config) if isinstance(config, str) else config
    run: dict[str, Any] = next(iter(settings.values())) if len(settings) == 1 else settings
    return run


def _settings(adapter: dict[str, Any], run: dict[str, Any], provenance: dict[str, Any]) -> str:
    height, width = adapter["image_size"]
    data, versions = run.get("data", {}), provenance.get("versions", {})
    rows = {
        "scenes": f"{width} x {height} px",
        "references": f"{adapter['reference_size']} px",
        "sampled with": f"{adapter['num_inference_steps']} steps, guidance {adapter['guidance_scale']:g}, "
        f"reference scale {adapter['reference_scale']:g}",
        "optimizer steps": provenance.get("step"),
        "samples a step": data.get("batch_size"),
        "precision": run.get("trainer", {}).get("precision"),
        "seed": run.get("seed_everything"),
        "trained": provenance.get("time"),
        "with": ", ".join(
            f"{package} {version}" for package, version in versions.items() if version != "not installed"
        ),
        "exported with": f"dreaminpainter {__version__}",
    }
    table = [
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items() if value not in (None, "")),
    ]
    parts = {
        name: value for name, value in adapter.items() if name in ("extractor", "selector", "injection", "input_form")
    }
    settings = yaml.safe_dump(_without_folders(run.get("model") or parts), sort_keys=False).strip()
    return "\n".join(table) + f"\n\nThe model's own settings:\n\n```yaml\n{settings}\n```"


def _data(run: dict[str, Any], provenance: dict[str, Any]) -> str:
    sources = run.get("data", {}).get("train") or {}
    if not sources:
        return "The checkpoint does not tell what it was trained on."
    listed = yaml.safe_dump(_without_folders(sources), sort_keys=False).strip()
    known = provenance.get("data")
    identity = f"\n\nIts contents are identified by `{known}`." if known else ""
    return f"Trained on:\n\n```yaml\n{listed}\n```{identity}"


def _without_folders(value: Any) -> Any:
    """Settings with the names of files in place of paths, which tell of the machine and mean nothing elsewhere."""
    if isinstance(value, dict):
        return {name: _without_folders(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_folders(item) for item in value]
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value


def _licence(license: str | None) -> str:
    weights = (
        f"The weights: {license}." if license else "Whoever exported the weights has not said what they are under."
    )
    return (
        f"{weights} Weights that were trained from others are under the conditions of those too; Stable Diffusion's "
        "forbid certain uses. The code in this folder is that of dreaminpainter: Apache-2.0."
    )


_ABOUT = """Text-guided, subject-driven inpainting: it fills the hole of a scene with the subject of a reference
picture, doing what a text says. A DreamInpainter (Xie et al. 2023,
[arXiv 2312.03771](https://arxiv.org/abs/2312.03771)), trained with the package dreaminpainter; it is not the model of
the paper's authors."""

_USE = """With diffusers alone; the code that it asks to trust lies in this folder as readable Python:

```python
from diffusers import DiffusionPipeline

pipeline = DiffusionPipeline.from_pretrained("{name}", trust_remote_code=True)
filled = pipeline(prompt="…", image=scene, mask_image=mask, reference_image=subject, reference_mask=outline).images[0]
```

With the package, which runs no code of this folder: `DreamInpainterPipeline.from_pretrained("{name}")`, or
`dreaminpainter inpaint --checkpoint {name}`. The mask is white where the scene is to be filled."""

_INTENDED = """Research on, and trying out of, subject-driven inpainting: pictures of one's own, of things and animals,
or of people who agreed to it. Pixels outside the mask stay as they were; what is inside is invented and shows nothing
real."""

_MISUSE = """Do not put people into pictures without their consent, do not pass off what was filled as a photograph of
something that happened, and do not use it to deceive, to harass or to get around the rights of others. It has no
filter and no watermark; whoever offers it to others has to add what they need. It repeats the biases of what it was
trained on."""
