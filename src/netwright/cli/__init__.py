"""The command line."""

from netwright.cli import compare as compare
from netwright.cli import recipes as recipes
from netwright.cli import train as train
from netwright.cli.app import main as main
