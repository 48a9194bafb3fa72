"""The command line: a file for each command. Importing it adds the command, so the order is that of the help."""

# isort: off
from netwright.cli.app import main as main
from netwright.cli import data as data
from netwright.cli import search as search
from netwright.cli import resume as resume
from netwright.cli import runs as runs
from netwright.cli import show as show
from netwright.cli import report as report
from netwright.cli import draw as draw
from netwright.cli import confirm as confirm
from netwright.cli import compare as compare
from netwright.cli import train as train
from netwright.cli import translate as translate
from netwright.cli import test as test
from netwright.cli import predict as predict
from netwright.cli import generate as generate
from netwright.cli import export as export
from netwright.cli import recipes as recipes
from netwright.cli import models as models
from netwright.cli import doctor as doctor
from netwright.cli import replay as replay
