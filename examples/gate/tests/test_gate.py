# SPDX-License-Identifier: Apache-2.0
"""The detector is no worse than the baseline that was committed."""

import pytest


@pytest.mark.impersona_gate("baselines/my_detector.json", "sweep.yaml", fail_on=["d_eer:+2pp", "d_auc:-2pp"])
def test_the_detector_is_no_worse(impersona_gate):
    """Runs the sweep, or goes on with what lies in runs/new, and compares."""
    impersona_gate(out="runs/new")
