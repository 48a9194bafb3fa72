"""Tasks with a text: published corpora, Python's help texts, and a user's own text."""
