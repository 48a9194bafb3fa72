"""From an architecture to a torch module."""
