"""Trained networks: the folder that a final training leaves, the module that comes out of it, and its other forms."""
