"""Search spaces: decisions, the generator functions that yield them, and the operations on any space. Without torch."""
