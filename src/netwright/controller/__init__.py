"""The policy network that writes architectures, and how it learns. Knows spaces, never children."""
