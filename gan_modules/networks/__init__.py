"""Generators and discriminators: plain modules with plain-data arguments, one file a family."""
