"""Kinds of children."""
