"""A run, a trained network and a user's images as self-contained HTML pages."""
