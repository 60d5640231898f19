"""Scores of embeddings: how alike two faces are, higher is more alike.

Task: from embeddings, float32 (N, D), and who is compared with whom, the score of every comparison, float32.

Conventions
-----------
``cosine``: the cosine of the angle of two embeddings. ``neg_l2``: minus their Euclidean distance. A score is a
similarity; accept if and only if ``score >= threshold``. Equal pairs have equal scores, to the bit: a score does not
depend on the order of rows or trials, on blocking, on the BLAS library or on its threads, and ``s(a, b) == s(b, a)``.

That holds because nothing is rounded where order could matter. Embeddings are first put on a grid, every number a
whole multiple of a step, a power of two (`on_grid`). On the grid every product and every partial sum is exact in
float64, whatever order, blocking or fused multiply-add a matrix product uses, as long as it adds up products of
entries (the schoolbook way, as every common BLAS does; Strassen's method does not). The exact result is rounded to
float64 (by the square root, for distances) and once more to float32.

Why the sums are exact. Let u be the step. Float64 holds every multiple of u² up to 2^53·u² exactly.

- ``cosine``: rows are divided by their norms in float64 and rounded to multiples of u = 2^-26. Rounding moves a row by
  at most e = sqrt(D)·2^-27, so its norm is at most 1 + e (the division's own error, below D·2^-52, is far smaller), and
  so is the norm of that part of it which any set S of coordinates selects. By Cauchy-Schwarz a sum of a_i·b_i over S is
  within (1 + e)². Sums are multiples of 2^-52, so exact up to 2^53·2^-52 = 2: for every D below 10^15.
- ``neg_l2``: raw rows, rounded to multiples of u = b·2^-25, where b is the largest norm of the set, rounded up to a
  power of two and at least 2. With e = sqrt(D)·u/2, |a|² + |b|² - 2ab and each of its partial sums, in any order, lie
  within (2·(b + e))² = 2^52·u²·(1 + e/b)². That is at most 2^53·u² while e/b <= 0.41: for every D below 10^14. The
  definition's own sum of (a_i - b_i)² is exact by the same bound, so both ways give one number, never below zero.
  For norms up to 2 (dlib's are about 1.44) u is always 2^-24 and a score depends on its two faces alone. Above, it
  depends through b on the largest norm of the set, by no more than the grid costs.

What the grid costs: a cosine moves by at most about 2e = sqrt(D)·2^-26, typically by 6e-9 whatever D; a distance by at
most sqrt(D)·u, typically by 0.4·u, so by 2.4e-8 where u is 2^-24. Float32 itself rounds numbers below 1 by up to 3e-8.
The cosine of a face with itself is nearly always 1, but may be 0.99999994 or 1.0000001.

Reference and kernel
--------------------
`score` and `scores_by_definition` are the definition in plain loops. `pair_scores` (trial lists), `cross_scores` (all
probes against all references, block by block) and `streamed_verification` (all pairs of a set, of which the mated
scores, the highest nonmated scores and a histogram are kept) are fast, in bounded memory, and equal to it bit for bit.

Float32 for big sets
--------------------
`streamed_rectangle` (all probes against all references of another set), `top_matches` (the best matches of every
probe in a gallery) and `matches_at` (all that reach a threshold) multiply in float32, on the CPU or on a GPU, and
return the same exact scores. A float32 product is
within a tolerance of the exact one whatever the order of addition: about (D + 8)·2^-24 for ``cosine``, and for
``neg_l2`` about (D + 4)·2^-24·(A + B)² of the squared distance, A and B being the largest norms (`margin` derives
both). What lies within it of a threshold, a rank or a k-th match is scored again in float64. Only histograms are
counted in float32; their `tolerance` says how far.

`tiles` makes the products of one block with another by an engine (`engines`: `on_cpu`, `on_torch`), `rows` the factors
and `rescoring` the exact scores of chosen pairs; `watches`, `search` and `threshold_search` decide which. numba and
torch are imported by the first call that needs them.
"""

from bench.scoring.definition import score, scores_by_definition
from bench.scoring.grid import GriddedEmbeddings, grid_step, on_grid
from bench.scoring.kernel import WORKING_MEGABYTES, cross_scores, pair_scores
from bench.scoring.mated import count_mated
from bench.scoring.rectangle import RectangleScores, streamed_rectangle
from bench.scoring.search import TopMatches, top_matches
from bench.scoring.streaming import StreamedScores, streamed_verification
from bench.scoring.threshold_search import Matches, matches_at

__all__ = [
    "WORKING_MEGABYTES",
    "GriddedEmbeddings",
    "Matches",
    "RectangleScores",
    "StreamedScores",
    "TopMatches",
    "count_mated",
    "cross_scores",
    "grid_step",
    "matches_at",
    "on_grid",
    "pair_scores",
    "score",
    "scores_by_definition",
    "streamed_rectangle",
    "streamed_verification",
    "top_matches",
]
