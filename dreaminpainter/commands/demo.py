"""`demo`: goes on training the model in the box and lays out what it can do, for the eye and in numbers."""

from pathlib import Path

CONFIG = "configs/quickstart.yaml"

USAGE = f"""usage: dreaminpainter demo [any setting of `dreaminpainter fit`]

Goes on training the model in the box on drawn critters (about a minute, {CONFIG}), fills held-out scenes and writes a
gallery. For example:

  dreaminpainter demo
  dreaminpainter demo --trainer.max_steps 20
  dreaminpainter demo --model.selector.init_args.k 6 --trainer.max_time 00:00:10:00
  dreaminpainter demo --config configs/critters.yaml --trainer.max_time 00:00:30:00    (from nothing)
"""


def run(name: str, arguments: list[str]) -> None:
    """Runs the demo; `arguments` are settings of `fit`, laid over the quickstart config."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return
    # Imported for work alone: the libraries take seconds, which help should not wait for.
    from lightning.pytorch import seed_everything

    from dreaminpainter.checkpoints import load_pipeline, read_checkpoint, untrained_pipeline
    from dreaminpainter.commands import training
    from dreaminpainter.commands.gallery import (
        beside,
        fill_gallery,
        hole_error,
        loss_panel,
        mean_colour,
        write_example,
    )
    from dreaminpainter.filling import fill_batch

    print("1/2  training on drawn critters: the time that is set ends it, before the bar's end")
    # A demo shows training each time that it is asked for, and takes a minute: it never goes on.
    cli = training.run("fit", ["--config", CONFIG, "--ckpt_path", "null", *arguments])
    folder = Path(cli.trainer.default_root_dir)
    checkpoint = str(folder / "checkpoints" / "last.ckpt")

    print("2/2  filling held-out scenes, with this model and with an untrained one")
    batch = next(iter(cli.datamodule.test_dataloader()))
    pipeline = load_pipeline(checkpoint)
    pipeline.set_progress_bar_config(desc="this model", unit="step")
    trained = fill_batch(pipeline, batch)
    seed_everything(0, verbose=False)
    pipeline = untrained_pipeline(read_checkpoint(checkpoint))
    pipeline.set_progress_bar_config(desc="untrained model", unit="step")
    untrained = fill_batch(pipeline, batch)
    errors = {
        "this model": hole_error(trained.images, batch),
        "the scene's mean colour": hole_error(mean_colour(batch), batch),
        "untrained model": hole_error(untrained.images, batch),
    }
    gallery = beside(fill_gallery(trained, batch, rows=4), loss_panel(folder / "logs", errors))
    gallery.save(folder / "gallery.png")
    prompt = write_example(batch, folder / "example")

    print(f"\nmean absolute error inside the hole against the truth, 0 to 1, over {len(batch)} held-out scenes:")
    for label, error in errors.items():
        print(f"  {label:24} {error:.3f}")
    print(f"\npictures and loss curve: {folder / 'gallery.png'}\n\nfill a hole of your own, for example:")
    example = folder / "example"
    print(
        f"  dreaminpainter inpaint --checkpoint {checkpoint} \\\n"
        f"    --image {example / 'scene.png'} --mask_image {example / 'mask.png'} \\\n"
        f"    --reference_image {example / 'reference.png'} \\\n"
        f'    --prompt "{prompt}" \\\n'
        f"    --output {example / 'filled.png'} --explain {example / 'tokens.png'}"
    )
