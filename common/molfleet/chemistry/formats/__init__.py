"""One file per kind of structure file."""
