"""The command line."""

from netwright.cli import comparisons as comparisons
from netwright.cli import listings as listings
from netwright.cli import models as models
from netwright.cli.app import main as main
