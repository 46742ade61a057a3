"""What libraries say at each start and no user of a command can act on."""

import logging
import warnings


def silence_noise() -> None:
    """Leaves it out; all other warnings stay."""
    # Lightning's own use of torch, and arguments given beside the process's own, which here are the same.
    warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter is intended")
    # Of streams, whose length is set and not guessed.
    warnings.filterwarnings("ignore", message="Your `IterableDataset` has `__len__` defined")
    # Of batches that are made whole; what is predicted is named by them, and asks for no indices.
    warnings.filterwarnings("ignore", message="Couldn't infer the batch indices fetched from your dataloader")
    # The autoencoder, which is not trained and stays so on purpose.
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode at the start of training")
    # Told in our own words; Lightning's hint is to set what is set.
    warnings.filterwarnings("ignore", message=r".*is set, but there is no last checkpoint available")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_no_advertisement)


def silence_loading() -> None:
    """Leaves out the bars of diffusers and transformers about reading weights, which take a moment each.

    Those of downloads, which take long, stay.
    """
    from diffusers.utils import logging as diffusers_logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, enable_progress_bars
    from transformers.utils import logging as transformers_logging

    shows_downloads = not are_progress_bars_disabled()
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()  # and with it the hub's
    if shows_downloads:
        enable_progress_bars()
    # Of diffusers' own use of the hub.
    warnings.filterwarnings("ignore", message="The `local_dir_use_symlinks` argument is deprecated")
    # Of torchmetrics, whenever a kernel distance is computed.
    warnings.filterwarnings("ignore", message=".*will save all extracted features in buffer")


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("💡 Tip")
