"""Image data."""
