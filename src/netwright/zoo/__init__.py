"""Published architectures as values."""
