"""What is measured of fills."""

from dreaminpainter.evaluation.probes import AttributeProbes

__all__ = ["AttributeProbes"]
