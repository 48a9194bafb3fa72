"""The final training of what a search has found: a grid, the best point trained to the end, its test."""
