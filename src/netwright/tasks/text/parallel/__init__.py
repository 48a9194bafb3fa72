"""Tasks with a parallel text, the same lines in two languages: Multi30k, and a user's own folder."""
