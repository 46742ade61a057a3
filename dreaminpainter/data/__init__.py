"""From segmented pictures to training batches; knows nothing of the model."""
