"""`prepare`: reads a data set once, and keeps what training asks for."""

from pathlib import Path

from dreaminpainter.commands.calling import call
from dreaminpainter.configuration import find_config
from dreaminpainter.data.sources import SegmentationSource


def prepare(
    source: SegmentationSource,
    output: str,
    embed_pictures: bool = False,
    parquet: bool = False,
    push_to_hub: str | None = None,
    cache_latents: str | None = None,
    variants: int = 4,
    device: str = "auto",
    num_workers: int = 2,
    max_damaged: float = 0.05,
) -> None:
    """Reads a data set once, checks every object, and keeps what training asks for, memory-mapped.

    The first argument names the source: a config file (sources/coco, or one of your own), or a class:

      dreaminpainter prepare sources/coco --source.root data/coco --output data/prepared/coco
      dreaminpainter prepare FolderSource --source.root my-photographs --output data/prepared/mine

    Killed at any point and run again, it goes on where it was. With `torchrun --nproc-per-node 2 -m dreaminpainter
    prepare ...` two processes share the reading; processes of several machines do, too, where they share the folders.
    What is left out is counted by reason in OUTPUT/manifest.json and listed in OUTPUT/left_out.parquet.

    Args:
        source: what to read; `--source.help CLASS` tells the settings of one.
        output: the folder to write.
        embed_pictures: put the pictures' files into the data, instead of referring to where they are.
        parquet: also write OUTPUT/parquet/, pictures embedded, to publish or to stream.
        push_to_hub: "owner/name" of a dataset on the Hugging Face hub to upload to; implies `parquet`.
        cache_latents: a config of `fit`, whose autoencoder and crops the latents are written for; train on them with
            `latents: true` of the PreparedSource. A scene then keeps one crop.
        variants: augmented references an object that latents are cached of.
        device: where to encode: "cpu", "cuda", "mps", or "auto" for the fastest there is.
        num_workers: processes that read; 0 reads in this one.
        max_damaged: share of broken objects above which it stops and says so, 0 to 1.
    """
    from dreaminpainter.data.store import preparing
    from dreaminpainter.data.store.manifest import FILE
    from dreaminpainter.data.store.reading import PreparedSource
    from dreaminpainter.processes import Processes

    processes = Processes.started()
    manifest = preparing.prepare(source, Path(output), embed_pictures, num_workers, max_damaged, processes)
    if not processes.is_first:
        return
    print(f"{output}: {manifest.kept} objects")
    for reason, count in manifest.left_out.items():
        print(f"  {count:>8} left out: {reason}")
    if manifest.damaged:
        print(f"  {manifest.damaged} of these because something is broken; {output}/{FILE} has examples")
    prepared = PreparedSource(output)
    if cache_latents:
        # What it takes to make an autoencoder is imported where one is asked for.
        from dreaminpainter.commands.caching import cache_latents as write_latents
        from dreaminpainter.commands.devices import chosen_device

        write_latents(prepared, cache_latents, variants, chosen_device(device))
        print(f"{prepared.cache.folder}: latents of {len(prepared)} scenes, {variants} references each")
    if parquet or push_to_hub:
        from dreaminpainter.data.store.publishing import push_to_hub as push
        from dreaminpainter.data.store.publishing import write_parquet

        files = write_parquet(prepared)
        print(f"{files[0].parent}: {len(files)} Parquet files")
        if push_to_hub:
            print(f"uploaded: {push(prepared, push_to_hub)}")


def run(name: str, arguments: list[str]) -> None:
    """Runs the command with the given arguments.

    Raises:
        SettingError: the arguments cannot be understood.
    """
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--source", _source(arguments[0]), *arguments[1:]]
    call(prepare, name, arguments)


def _source(name: str) -> str:
    """A class stays as it is; anything else is a config."""
    is_class = name.replace(".", "").isidentifier() and name.rpartition(".")[2][:1].isupper()
    return name if is_class else str(find_config(name))
