"""`python -m benchmarks NAME`: makes one of the measurements; `--help` tells which there are."""

from jsonargparse import auto_cli

from benchmarks.autoencoder import autoencoder
from benchmarks.critters import critters
from benchmarks.data import data
from benchmarks.pack import pack
from benchmarks.pictures import pictures
from benchmarks.probes import probes
from benchmarks.progress import progress

if __name__ == "__main__":
    auto_cli(
        [autoencoder, critters, data, pack, pictures, probes, progress],
        as_positional=False,
        prog="python -m benchmarks",
    )
