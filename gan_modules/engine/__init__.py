"""What runs a round of the game: players, schedule, reduction, precision, averaging, statistics."""
