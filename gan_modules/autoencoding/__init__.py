"""Models that also know the way back, from images to codes; one paper, one file."""
