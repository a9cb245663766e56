"""From noise to samples: one paper, one file."""
