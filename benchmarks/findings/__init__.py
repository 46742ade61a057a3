"""Which of the paper's claims hold: from the studies of `configs/ablations/paper` to the page of findings."""
