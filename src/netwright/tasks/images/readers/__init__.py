"""The readers of a user's own images, one file for each arrangement of the data."""
