"""Recurrent cells as torch modules, usable without any search."""

from netwright.nn.modules import NAS as NAS
from netwright.nn.modules import NASCell as NASCell
from netwright.nn.modules import NASMax as NASMax
from netwright.nn.modules import NASMaxCell as NASMaxCell
from netwright.nn.modules import Recurrent as Recurrent
from netwright.nn.modules import RecurrentStep as RecurrentStep
