"""Measurements, each of which writes its own table into `benchmarks/results/`."""
