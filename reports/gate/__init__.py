"""The regression gate: two runs in, a verdict for every rule out.

    from reports.gate import compare

    verdict = compare("baseline.json", "runs/new", ["bscer@macer5:+2pp"])
    assert verdict.passed, verdict.to_text()

docs/gate.md describes rules, verdicts and baselines, docs/gate_statistics.md what the verdicts rest on.
"""

from reports.gate.comparison import compare
from reports.gate.rows import Comparison, Row

__all__ = ["Comparison", "Row", "compare"]
