"""Small constructor arguments of every variant, one file a family."""
