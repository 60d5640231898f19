"""Figures of face verification, identification and made faces, on NumPy and scipy.special.

Task: from the scores of comparisons, float32, and whether each was mated (two photos of one person) or nonmated, say
how often a recognizer errs, at which threshold, and whether the data can carry the statement.

Conventions
-----------
- A score is a similarity. Accept if and only if ``score >= threshold``: ties with the threshold are accepted. So
  FMR(t) = |{i in I: i >= t}| / |I| and FNMR(t) = |{g in G: g < t}| / |G|, for mated scores G and nonmated scores I.
- Scores are float32, and so is every threshold; a threshold of another kind is compared exactly, never rounded.
- FMR, FNMR and TMR = 1 - FNMR leave out trials that failed to acquire (either face not found; their score is NaN). FAR
  and FRR count them: FAR = FMR·(1 - FTA), FRR = FTA + FNMR·(1 - FTA), with one FTA over mated and nonmated trials.
- Threshold at FMR a, with I nonmated scores and k = floor(a·I): the next float32 above the (k + 1)-th largest nonmated
  score, which is the smallest float32 with FMR <= a. Never interpolated; the achieved FMR stands beside it. k is
  computed from the decimal that was typed, so that 1e-3 of 3,000 is 3 and 0.29 of 100 is 29. At k = I it is the lowest
  finite float32.
- Support: at k = 0 a figure is ``"insufficient"`` and has no value; a point with k < 30 is ``"weak"``, and so
  is every figure with fewer than 30 errors of its own. Figures without errors to count (area under the curve, d',
  means) need 30 scores of each kind they use instead; the EER counts the errors of the smaller kind.
- The error curve has a point at every distinct score and one at +inf, where nothing is accepted: it runs from
  (FMR, FNMR) = (1, 0) to (0, 1). The EER is its linear crossing unless another method is named; the area is exact, with
  ties counted half.
- Fold accuracy decides every fold by the most accurate threshold of the other folds; `folds.best_threshold` says
  which one of several.
- Wrong input (a shape, a dtype, an infinite score) raises `ShapeError`, a rate outside (0, 1] `ConfigError`. Data that
  have no answer (no mated score, say) raise `InsufficientData` from the single functions; `assess_verification` gives
  value None and ``"insufficient"`` instead.
- Every result is the same to the bit whatever the order of trials.

Against others: ROC points are those of scikit-learn's `roc_curve` without dropped points, the area that of its
`roc_auc_score`. EER ``"midpoint"``, d' and area are pyeer's, except that pyeer's curve ends at the highest score: where
that score is shared by mated and nonmated comparisons its area lacks the last trapezoid, and where its curve does not
reach the crossing its EER is 1. pyeer's FMR100 and FMR1000 take the threshold with the nearest FMR, which may be above
the requested one; ours never is.

Metrics
-------
`rates` (error rates, the error curve), `operating` (thresholds at an FMR), `separation` (EER, area, d'), `folds`
(accuracy), `costs` and `likelihood` (detection cost, HTER, ZeroFMR, C_llr), `cost_figures` (the least of them on one
list of trials), `at_threshold` (a threshold set elsewhere), `figures` (the table of figure names),
`verification` (all of it for one list of trials), `identification` (1:N, with conventions of its own), `vulnerability`
(made faces and their contributors, likewise), `impersonation` and `leakage` (made faces in galleries of people who have
no part in them), `detection` (detectors of attacks, likewise: there a score is higher for
what is more likely an attack, and a sample is called one if and only if ``score >= threshold``).

Intervals are 95 % ones and count people: trials that share a person, or a source or target (`clusters`), depend on
each other. `variance` is the plug-in variance of a rate, `intervals` turns it into Wilson's interval, or the exact
bound where there is no error, `shares` does both for faces of several people, `bootstrap` draws people with weight 2 or
0. Sums are of whole numbers, or exact (`math.fsum`), so bits depend neither on the order of trials nor on threads.
docs/uncertainty.md says which interval a figure has and how it covers, docs/hidden_identity.md those of made faces.
"""

from bench.metrics.at_threshold import AtThreshold
from bench.metrics.attempts import Attempts
from bench.metrics.bootstrap import AtFmr, SubjectBootstrap, double_or_nothing
from bench.metrics.clusters import Clusters, clusters_of, independent_trials, two_way
from bench.metrics.cost_figures import assess_costs
from bench.metrics.costs import (
    DecisionCosts,
    detection_cost,
    equal_error_threshold,
    half_total_error_rate,
    minimum_detection_cost,
)
from bench.metrics.detection import (
    Assessed,
    DetectionCurve,
    DetectionPoint,
    DetectionSamples,
    assess_at,
    assess_detection,
    detection_error_curve,
    error_point_name,
    points_of,
)
from bench.metrics.discard import DiscardCurve, discard_area, discard_curve, drawn_discard_areas
from bench.metrics.figures import FIGURES, Direction, Figure, figure
from bench.metrics.folds import FoldAccuracy, best_accuracy, best_threshold, fold_accuracy
from bench.metrics.groups import assess_groups
from bench.metrics.identification import (
    DEFAULT_FPIRS,
    DEFAULT_RANKS,
    IdentificationPoint,
    SearchResults,
    assess_identification,
    cumulative_match_rate,
    detection_identification_rate,
    false_negative_identification_rate,
    false_positive_identification_rate,
    fpir_name,
    open_set_tradeoff,
    rank_name,
    threshold_at_fpir,
)
from bench.metrics.identification_intervals import IdentificationIntervals, SearchBand, SearchBootstrap
from bench.metrics.intervals import (
    Interval,
    IntervalMethod,
    drawn_rate_interval,
    fold_deviation_interval,
    fold_mean_interval,
    percentile_interval,
    rate_interval,
    wilson_interval,
    zero_error_bound,
)
from bench.metrics.likelihood import (
    LogisticCalibration,
    log_likelihood_ratio_cost,
    logistic_calibration,
    minimum_log_likelihood_ratio_cost,
)
from bench.metrics.operating import (
    ENOUGH_ERRORS,
    OperatingPoint,
    Support,
    allowed_false_matches,
    needed_nonmated,
    support_of,
    threshold_at_fmr,
    threshold_from_top,
)
from bench.metrics.paired import Judgement, PairedDifference, holm, judge, paired_difference
from bench.metrics.rates import (
    ErrorCurve,
    error_tradeoff,
    failure_to_acquire_rate,
    false_accept_rate,
    false_match_rate,
    false_non_match_rate,
    false_reject_rate,
)
from bench.metrics.separation import EerMethod, area_under_curve, decidability, equal_error_rate, mean_score
from bench.metrics.shares import (
    Contributors,
    independent_faces,
    mean_interval,
    mean_spread,
    mean_variance,
    share_interval,
)
from bench.metrics.variance import RateSpread, rate_spread, rate_variance
from bench.metrics.verification import DEFAULT_FMRS, FigureValue, assess_verification, operating_point_name
from bench.metrics.vulnerability import OUTCOMES, assess_generated, assess_outcomes, contributor_name

__all__ = [
    "DEFAULT_FMRS",
    "DEFAULT_FPIRS",
    "DEFAULT_RANKS",
    "ENOUGH_ERRORS",
    "FIGURES",
    "OUTCOMES",
    "Assessed",
    "AtFmr",
    "AtThreshold",
    "Attempts",
    "Clusters",
    "Contributors",
    "DecisionCosts",
    "DetectionCurve",
    "DetectionPoint",
    "DetectionSamples",
    "Direction",
    "DiscardCurve",
    "EerMethod",
    "ErrorCurve",
    "Figure",
    "FigureValue",
    "FoldAccuracy",
    "IdentificationIntervals",
    "IdentificationPoint",
    "Interval",
    "IntervalMethod",
    "Judgement",
    "LogisticCalibration",
    "OperatingPoint",
    "PairedDifference",
    "RateSpread",
    "SearchBand",
    "SearchBootstrap",
    "SearchResults",
    "SubjectBootstrap",
    "Support",
    "allowed_false_matches",
    "area_under_curve",
    "assess_at",
    "assess_costs",
    "assess_detection",
    "assess_generated",
    "assess_groups",
    "assess_identification",
    "assess_outcomes",
    "assess_verification",
    "best_accuracy",
    "best_threshold",
    "clusters_of",
    "contributor_name",
    "cumulative_match_rate",
    "decidability",
    "detection_cost",
    "detection_error_curve",
    "detection_identification_rate",
    "discard_area",
    "discard_curve",
    "double_or_nothing",
    "drawn_discard_areas",
    "drawn_rate_interval",
    "equal_error_rate",
    "equal_error_threshold",
    "error_point_name",
    "error_tradeoff",
    "failure_to_acquire_rate",
    "false_accept_rate",
    "false_match_rate",
    "false_negative_identification_rate",
    "false_non_match_rate",
    "false_positive_identification_rate",
    "false_reject_rate",
    "figure",
    "fold_accuracy",
    "fold_deviation_interval",
    "fold_mean_interval",
    "fpir_name",
    "half_total_error_rate",
    "holm",
    "independent_faces",
    "independent_trials",
    "judge",
    "log_likelihood_ratio_cost",
    "logistic_calibration",
    "mean_interval",
    "mean_score",
    "mean_spread",
    "mean_variance",
    "minimum_detection_cost",
    "minimum_log_likelihood_ratio_cost",
    "needed_nonmated",
    "open_set_tradeoff",
    "operating_point_name",
    "paired_difference",
    "percentile_interval",
    "points_of",
    "rank_name",
    "rate_interval",
    "rate_spread",
    "rate_variance",
    "share_interval",
    "support_of",
    "threshold_at_fmr",
    "threshold_at_fpir",
    "threshold_from_top",
    "two_way",
    "wilson_interval",
    "zero_error_bound",
]
