"""The command line."""

from netwright.cli.app import main as main
