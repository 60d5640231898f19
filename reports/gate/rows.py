"""What a gate says: a row for each figure that was compared, and all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.metrics.paired import ALPHA, Verdict
from reports import numbers
from reports.gate.changes import Change
from reports.gate.wording import Scale, Title, scale_of


@dataclass(frozen=True)
class Row:
    """One figure of both runs, and the verdict on it.

    Attributes:
        rule: the rule that asks for it, as it was typed; empty where none does.
        title: what it is called.
        figure: its name in `bench.metrics.FIGURES`.
        base: the figure in the run that is compared with; None where its data cannot support it.
        new: the figure in the run that is judged; likewise.
        difference: new - base; None where there is none.
        low: lower end of the interval of the difference, corrected for the number of rules; None for none.
        high: its upper end.
        tolerance: by how much it may change, with the sign of the bad direction; None where no rule says.
        verdict: ``"better"``, ``"no change"``, ``"worse"`` or ``"cannot tell"``.
        failed: whether it makes the gate fail.
        reason: for ``"cannot tell"``, why, and what would tell; empty otherwise.
        people: how many people both figures rest on; None where nobody says.
        more_people: how many more would tell; None where the verdict tells, and where no number would.
        of: how many rows the correction is for.
    """

    rule: str
    title: Title
    figure: str
    base: float | None
    new: float | None
    difference: float | None
    low: float | None
    high: float | None
    tolerance: float | None
    verdict: Verdict
    failed: bool
    reason: str
    people: int | None
    more_people: int | None
    of: int

    @property
    def scale(self) -> Scale:
        """How its numbers are printed."""
        return scale_of(self.figure, self.base, self.new, self.difference)

    @property
    def allowed(self) -> str:
        """The tolerance as it is printed; empty for none."""
        if self.tolerance is None:
            return ""
        text = scale_of(self.figure, self.tolerance).signed(self.tolerance)
        return text if text[0] in "+-" else f"{'+' if self.tolerance >= 0 else '-'}{text}"

    @property
    def interval(self) -> str:
        """The interval as it is printed, such as ``"+3.9 to +8.7"``; empty for none."""
        return self.scale.interval(self.low, self.high)

    @property
    def sentence(self) -> str:
        """The row for people: what changed by how much, how sure that is, what was allowed, the verdict."""
        scale = self.scale
        if self.difference is None:
            values = f"{scale.value(self.base)} in BASE, {scale.value(self.new)} in NEW"
            return f"{self.title} ({self.title.where}), {values}: {self.verdict}; {self.reason}"
        moved = "stayed at" if self.difference == 0 else "rose from" if self.difference > 0 else "fell from"
        values = (
            scale.value(self.new) if self.difference == 0 else f"{scale.value(self.base)} to {scale.value(self.new)}"
        )
        over = f" over {self.of} {'rules' if self.rule else 'figures'}" if self.of > 1 else ""
        details = [f"{scale.signed(self.difference)}{scale.unit}"] if self.difference else []
        details += [f"{100 * (1 - ALPHA):g} % interval{over} {self.interval}"] if self.interval else ["no interval"]
        said = ", ".join(details) + (f"; allowed {self.allowed}" if self.rule else "")
        reason = f"; {self.reason}" if self.reason else ""
        return f"{self.title} ({self.title.where}) {moved} {values} ({said}): {self.verdict}{reason}"


@dataclass(frozen=True)
class Comparison:
    """What a gate says about two runs.

    Attributes:
        base: the path of the run, or baseline, that is compared with.
        new: likewise, of the run that is judged.
        rows: a row for each figure, in the order of the rules.
        changed: what is another in the new run: weights, settings, libraries.
        notes: what was matched without being told.
        warnings: what was not compared, and what to be careful about.
        strict: whether a rule that the data cannot tell about fails.
    """

    base: str
    new: str
    rows: Sequence[Row]
    changed: Sequence[Change]
    notes: Sequence[str]
    warnings: Sequence[str]
    strict: bool = False

    @property
    def passed(self) -> bool:
        """Whether no rule failed."""
        return not any(row.failed for row in self.rows)

    @property
    def failures(self) -> list[Row]:
        """The rows that failed."""
        return [row for row in self.rows if row.failed]

    @property
    def has_rules(self) -> bool:
        """Whether anything could fail."""
        return any(row.rule for row in self.rows)

    @property
    def result(self) -> str:
        """One line: passed or failed, and how many rows got which verdict."""
        counts = {
            verdict: sum(row.verdict == verdict for row in self.rows)
            for verdict in ("worse", "cannot tell", "no change", "better")
        }
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
        if not self.has_rules:
            return (
                f"no rule was given, so that nothing could fail ({said}); give one with --fail-on, such as 'eer:+1pp'"
            )
        failed = f"FAILED: {len(self.failures)} of {numbers.plural(len(self.rows), 'figure')}"
        word = "passed" if self.passed else failed
        return f"{word} ({said})"

    def to_text(self, width: int = 100) -> str:
        """For a terminal: a table, and a sentence for each row that failed or that cannot tell.

        Args:
            width: how many columns the terminal has.
        """
        from reports.gate.text import as_text

        return as_text(self, width)

    def to_markdown(self) -> str:
        """For a comment on a pull request."""
        from reports.gate.markdown import as_markdown

        return as_markdown(self)

    def to_junit(self) -> str:
        """JUnit XML, one test case a row."""
        from reports.gate.junit import as_junit

        return as_junit(self)

    def to_github(self) -> str:
        """Workflow commands of GitHub Actions, which annotate a run."""
        from reports.gate.github import as_commands

        return as_commands(self)
