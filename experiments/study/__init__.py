"""Studies: several variants, many settings and seeds each, and what may be said of the results."""
