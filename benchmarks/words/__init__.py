"""Word alignment: each way to a map between two languages, and how many words it gets right."""
