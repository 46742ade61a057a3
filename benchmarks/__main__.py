"""`python -m benchmarks NAME`: makes one of the measurements; `--help` tells which there are."""

from jsonargparse import auto_cli

from benchmarks.autoencoder import autoencoder
from benchmarks.critters import critters
from benchmarks.data import data
from benchmarks.faults import faults
from benchmarks.findings.making import findings, gather
from benchmarks.findings.starting import starting_points
from benchmarks.flood import flood
from benchmarks.fuzz import fuzz
from benchmarks.growth import growth
from benchmarks.inference import inference
from benchmarks.limits import limits
from benchmarks.memory import memory
from benchmarks.pack import pack
from benchmarks.pages import pages
from benchmarks.pictures import pictures
from benchmarks.probes import probes
from benchmarks.progress import progress
from benchmarks.scaling import scaling
from benchmarks.seams import seams
from benchmarks.selection import selection
from benchmarks.torture import torture
from benchmarks.training import training

MEASUREMENTS = [
    autoencoder,
    critters,
    data,
    faults,
    findings,
    flood,
    fuzz,
    gather,
    growth,
    inference,
    limits,
    memory,
    pack,
    pages,
    pictures,
    probes,
    progress,
    scaling,
    seams,
    selection,
    starting_points,
    torture,
    training,
]

if __name__ == "__main__":
    auto_cli(MEASUREMENTS, as_positional=False, prog="python -m benchmarks")
