"""The sampler test suite that Optuna publishes for samplers of other packages, over `ControllerSampler`.

Not applicable: `RelativeSamplerTestCase`, since nothing is drawn before it is asked for, so that there is no relative
search space; `MultiObjectiveSamplerTestCase`, since a policy gradient needs one reward.
"""

import pytest
from optuna.testing.pytest_samplers import BasicSamplerTestCase, SingleOnlySamplerTestCase

from netwright.integrations.optuna import ControllerSampler


class TestControllerSampler(BasicSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return ControllerSampler
