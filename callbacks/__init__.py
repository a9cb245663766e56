"""What watches a training run: samples, scores, checkpoints, media."""
