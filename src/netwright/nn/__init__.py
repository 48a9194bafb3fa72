"""Recurrent cells as torch modules, usable without any search."""
