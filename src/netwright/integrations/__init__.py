"""Other people's tools that a search can work with; each is an optional extra and known to one file."""
