"""The shape of everything in a run folder: versions, columns, units.

A change of shape is a new version, a step in `bench.store.migrations` and a frozen sample in tests/data/runs. A reader
takes every earlier version and refuses a later one.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import CorruptFile
from bench.store import migrations

RUN_VERSION = 2
SUMMARY_SCHEMA = "impersona.summary/1"

RECORD_FIELDS = (
    "figure", "dataset", "protocol", "group", "recognizer", "detector", "generator", "attack", "goal", "species",
    "settings", "operating_point", "value", "low", "high", "n", "support", "interval", "versus",
)  # fmt: skip
"""The fields of one record of summary.json, in order; docs/summary.md says what each holds."""


@dataclass(frozen=True)
class Column:
    """One column of a stored table: its Arrow type, unit and meaning."""

    type: pa.DataType
    unit: str
    meaning: str


Table = Mapping[str, Column]

TRIALS: Table = {
    "probe": Column(pa.dictionary(pa.int32(), pa.string()), "frame key", "the frame that asks"),
    "reference": Column(pa.dictionary(pa.int32(), pa.string()), "frame key", "the frame that it is compared with"),
    "probe_subject": Column(pa.dictionary(pa.int32(), pa.string()), "subject", "who the probe shows"),
    "reference_subject": Column(pa.dictionary(pa.int32(), pa.string()), "subject", "who the reference shows"),
    "mated": Column(pa.bool_(), "", "whether both show the same person"),
    "fold": Column(pa.int16(), "", "the fold, from 0; null where the protocol has none"),
    "score": Column(pa.float32(), "similarity", "higher is more alike; null where either face was not acquired"),
}

FRAMES: Table = {
    "key": Column(pa.string(), "frame key", "the frame"),
    "subject": Column(pa.string(), "subject", "who it shows"),
    "acquired": Column(pa.bool_(), "", "whether the aligner found a face"),
    "faces": Column(pa.int16(), "faces", "how many faces the aligner found"),
    "left": Column(pa.float32(), "px", "the box of the face that was used"),
    "top": Column(pa.float32(), "px", ""),
    "right": Column(pa.float32(), "px", ""),
    "bottom": Column(pa.float32(), "px", ""),
    "confidence": Column(pa.float32(), "the aligner's own", "how sure the aligner was"),
    "problem": Column(pa.string(), "", "why no face was acquired; null where one was"),
}

IDENTITIES: Table = {
    "subject": Column(pa.string(), "subject", "a person"),
    "other": Column(pa.string(), "subject", "the same or another person"),
    "similarity": Column(pa.float32(), "similarity", "mean score of all pairs of different photos"),
    "comparisons": Column(pa.int32(), "comparisons", "how many pairs that is"),
}

CURVE: Table = {
    "fmr": Column(pa.float64(), "share", "false match rate; the threshold is chosen for it, in every draw anew"),
    "fnmr": Column(pa.float64(), "share", "false non-match rate there"),
    "fnmr_low": Column(pa.float64(), "share", "lower end of its 95 % interval"),
    "fnmr_high": Column(pa.float64(), "share", "upper end of its 95 % interval"),
}

DRAWS: Table = {
    "figure": Column(pa.dictionary(pa.int16(), pa.string()), "figure", "a name of bench.metrics.FIGURES"),
    "operating_point": Column(pa.dictionary(pa.int16(), pa.string()), "operating point", "null for none"),
    "group": Column(pa.dictionary(pa.int16(), pa.string()), "group", "of people, or contributor; null for all"),
    "species": Column(pa.dictionary(pa.int16(), pa.string()), "species", "of attack; null for all or none"),
    "draw": Column(pa.int32(), "draw", "the number of the bootstrap draw; equal numbers drew equal people"),
    "value": Column(pa.float64(), "the figure's own", "the figure on that draw; null where it has none"),
}

DISCARD: Table = {
    "column": Column(pa.dictionary(pa.int16(), pa.string()), "column", "the quality by which photos are discarded"),
    "operating_point": Column(pa.dictionary(pa.int16(), pa.string()), "operating point", "whose threshold is held"),
    "discarded": Column(pa.float64(), "share", "share of comparisons left out, those of lowest quality first"),
    "fnmr": Column(pa.float64(), "share", "false non-match rate of the others"),
    "fnmr_low": Column(pa.float64(), "share", "lower end of its 95 % interval"),
    "fnmr_high": Column(pa.float64(), "share", "upper end of its 95 % interval"),
}

SEARCHES: Table = {
    "probe": Column(pa.dictionary(pa.int32(), pa.string()), "frame key", "the frame that is searched for"),
    "probe_subject": Column(pa.dictionary(pa.int32(), pa.string()), "subject", "who it shows"),
    "enrolled": Column(pa.bool_(), "", "whether that person is to be in the gallery: a mate search"),
    "mate": Column(pa.dictionary(pa.int32(), pa.string()), "frame key", "their photo for the gallery; null for none"),
    "mate_score": Column(pa.float32(), "similarity", "its score; null where there is none or either was not acquired"),
    "rank": Column(pa.int32(), "rank", "of the mate, from 1, behind equal scores; null where it has no score"),
    "best_nonmate": Column(
        pa.dictionary(pa.int32(), pa.string()), "frame key", "the photo of anybody else with the highest score"
    ),
    "best_nonmate_subject": Column(pa.dictionary(pa.int32(), pa.string()), "subject", "who it shows"),
    "best_nonmate_score": Column(pa.float32(), "similarity", "that score; null where the probe was not acquired"),
}

FACES: Table = {
    "face": Column(pa.int32(), "face", "its number, from 0"),
    "made": Column(pa.bool_(), "", "whether the generator made it; not where a contributor's face was not found"),
    "acquired": Column(pa.bool_(), "", "whether the recognizer's aligner found a face in it"),
    "confidence": Column(pa.float32(), "the aligner's own", "how sure the aligner was"),
    "problem": Column(pa.string(), "", "why it was not made or not acquired; null where it was"),
    "structural_similarity": Column(pa.float32(), "SSIM", "with the first contributor's photo; null where not made"),
    "peak_signal_to_noise_ratio": Column(pa.float32(), "dB", "to that photo; null where not made"),
    "digest": Column(pa.string(), "SHA-256", "of everything that determines its pixels"),
}

CONTRIBUTORS: Table = {
    "face": Column(pa.int32(), "face", "its number"),
    "contributor": Column(pa.int16(), "contributor", "their place, from 1; the others are put onto the first"),
    "subject": Column(pa.dictionary(pa.int32(), pa.string()), "subject", "who contributes"),
    "photo": Column(pa.dictionary(pa.int32(), pa.string()), "frame key", "the photo that the generator saw"),
    "same_photo_score": Column(pa.float32(), "similarity", "of the face and that very photo; null where not acquired"),
}

ATTEMPTS: Table = {
    "face": Column(pa.int32(), "face", "its number"),
    "contributor": Column(pa.int16(), "contributor", "their place, from 1"),
    "reference": Column(pa.dictionary(pa.int32(), pa.string()), "frame key", "another photo of that contributor"),
    "score": Column(pa.float32(), "similarity", "of the face and this photo; null where either was not acquired"),
    "clean_score": Column(
        pa.float32(), "similarity", "of the first contributor's photo, as it was before, and this one"
    ),
    "own_score": Column(pa.float32(), "similarity", "of this contributor's photo that the generator saw, and this one"),
}

LEFT_OUT: Table = {
    "figure": Column(pa.string(), "figure", "a distance of all made faces to all photos"),
    "group": Column(pa.int16(), "group", "the number of a group of people; equal numbers are equal people"),
    "value": Column(pa.float64(), "distance", "the figure without the faces and photos of these people"),
}

PORTRAITS: Table = {
    "face": Column(pa.int32(), "face", "its number"),
    "png": Column(pa.binary(), "PNG", "its picture; the file's text says that it is synthetic and how it was made"),
}

ATTENTION: Table = {
    "face": Column(pa.int32(), "face", "its number"),
    "layer": Column(pa.int16(), "layer", "of the maker's network, from 0, the coarsest"),
    "region": Column(pa.int16(), "label", "of the source's mask, as in bench.regions.CLASSES"),
    "share": Column(
        pa.float32(), "share", "mean share of attention to the identity; null where there is no such region"
    ),
}

ATTENTION_MAPS: Table = {
    "face": Column(pa.int32(), "face", "its number"),
    "layer": Column(pa.int16(), "layer", "of the maker's network, from 0, the coarsest"),
    "map": Column(pa.binary(), "PNG", "8-bit grey: the share of attention that goes to the identity, 255 for `peak`"),
    "peak": Column(pa.float32(), "share", "the largest share of that map"),
}

CONTRIBUTIONS: Table = {
    "face": Column(pa.int32(), "face", "its number"),
    "contributor": Column(pa.int16(), "contributor", "their place, from 1"),
    "region": Column(pa.int16(), "label", "of the made face, as in bench.regions.CLASSES"),
    "share": Column(
        pa.float32(), "share", "of the face's pixels, those of this region that are of this contributor; none where 0"
    ),
}

LAYOUTS: Table = {
    "face": Column(pa.int32(), "face", "its number"),
    "region": Column(pa.int16(), "label", "as in bench.regions.CLASSES; none that it neither shows nor is meant to"),
    "meant": Column(pa.float32(), "share", "of the face's pixels, those that its maker meant to show the region"),
    "seen": Column(pa.float32(), "share", "those that the parser labels so"),
    "both": Column(pa.float32(), "share", "those that are both"),
}

ATTRIBUTES: Table = {
    "face": Column(pa.int32(), "face", "its number"),
    "attribute": Column(pa.dictionary(pa.int16(), pa.string()), "name", "one of the judge's"),
    "wanted": Column(pa.float32(), "label", "1 or 0, what was asked for; NaN for one that was to stay as it was"),
    "seen": Column(pa.float32(), "probability", "how likely the judge finds it in the made face"),
    "before": Column(pa.float32(), "probability", "likewise, in the first contributor's photo"),
}

JUDGE: Table = {
    "attribute": Column(pa.string(), "name", "one of the judge's that was held against people"),
    "area": Column(pa.float32(), "share", "under the judge's ROC curve, on photos that people labelled"),
    "low": Column(pa.float32(), "share", "of its 95 % interval"),
    "high": Column(pa.float32(), "share", "likewise"),
    "there": Column(pa.int32(), "photos", "that show the attribute"),
    "absent": Column(pa.int32(), "photos", "that do not"),
    "tested": Column(pa.bool_(), "", "whether there are at least 50 of both"),
    "trusted": Column(pa.bool_(), "", "whether it was tested and the area is at least 0.9: figures of all have it"),
}

NEAREST: Table = {
    "face": Column(pa.int32(), "face", "its number; those that were acquired"),
    "photo": Column(pa.string(), "frame key", "of the people of `novelty`, the photo that is most like the face"),
    "subject": Column(pa.string(), "subject", "who it shows"),
    "score": Column(pa.float32(), "similarity", "of the two"),
    "clean_score": Column(
        pa.float32(),
        "similarity",
        "of the contributors' photos: mean of the highest with any photo there; NaN where one was not acquired",
    ),
}

RANK_ONE: Table = {
    "gallery": Column(pa.dictionary(pa.int8(), pa.string()), "name", "``gallery``, ``train`` or ``holdout``"),
    "face": Column(pa.int32(), "face", "its number; null for a photo of a stranger"),
    "probe": Column(pa.string(), "frame key", "the photo; null for a face that was made"),
    "probe_subject": Column(
        pa.dictionary(pa.int32(), pa.string()), "subject", "who the photo shows; null for a face that was made"
    ),
    "photo": Column(pa.dictionary(pa.int32(), pa.string()), "frame key", "of the gallery, the one most like the probe"),
    "subject": Column(pa.dictionary(pa.int32(), pa.string()), "subject", "who that shows"),
    "score": Column(pa.float32(), "similarity", "of the two; probes that were not acquired have no row"),
}

EXPOSED: Table = {
    "subject": Column(pa.string(), "subject", "a person who is enrolled"),
    "operating_point": Column(pa.dictionary(pa.int16(), pa.string()), "operating point", "at whose threshold"),
    "share": Column(pa.float64(), "share", "of all faces, those that match the person"),
    "strangers_share": Column(pa.float64(), "share", "of all photos of strangers, those that do"),
}

RISK_SIZES: Table = {
    "operating_point": Column(pa.dictionary(pa.int16(), pa.string()), "operating point", "whose threshold is held"),
    "of": Column(pa.dictionary(pa.int8(), pa.string()), "name", "``faces`` or ``strangers``"),
    "size": Column(pa.int64(), "people", "of a gallery"),
    "rate": Column(pa.float64(), "share", "of probes that match anybody in it: expected over all such galleries"),
    "low": Column(pa.float64(), "share", "lower end of its 95 % interval"),
    "high": Column(pa.float64(), "share", "upper end of its 95 % interval"),
    "method": Column(
        pa.dictionary(pa.int8(), pa.string()),
        "name",
        "``subsample``: galleries drawn from the one there is; ``extrapolated``: larger ones, by a model",
    ),
}

RESEMBLANCES: Table = {
    "of": Column(
        pa.dictionary(pa.int8(), pa.string()),
        "name",
        "``real real``: strangers with the galleries; ``real made``: faces with the galleries; ``made made``: faces of "
        "which no contributor is the same",
    ),
    "score_from": Column(pa.float64(), "similarity", "lower edge of a bin; the last bin holds its upper edge, too"),
    "score_to": Column(pa.float64(), "similarity", "upper edge"),
    "count": Column(pa.int64(), "comparisons", "with a score in it; empty bins have no row"),
}

PRESENTATIONS: Table = {
    "sample": Column(pa.string(), "name", "what was shown: a frame key, or the digest of a made face"),
    "species": Column(pa.dictionary(pa.int16(), pa.string()), "species", "of attack; null for a bona fide photo"),
    "subjects": Column(pa.list_(pa.string()), "subject", "whom it rests on: one person, or everybody who contributed"),
    "reference": Column(
        pa.dictionary(pa.int32(), pa.string()), "frame key", "the trusted photo beside it; null for none"
    ),
    "score": Column(pa.float32(), "attack score", "higher is more likely an attack; null where there was no response"),
    "problem": Column(pa.string(), "", "why there was no response; null where there was one"),
}

PLACEMENTS: Table = {
    "key": Column(pa.string(), "frame key", "the frame"),
    "subject": Column(pa.string(), "subject", "who it shows"),
    "found": Column(pa.bool_(), "", "whether the aligner found a face"),
    "faces": Column(pa.int16(), "faces", "how many faces it found"),
    "confidence": Column(pa.float32(), "the aligner's own", "how sure it was"),
    "error": Column(
        pa.float32(), "eye distances", "mean distance of its landmarks from the true ones; null where either is unknown"
    ),
    "problem": Column(pa.string(), "", "why no face was found; null where one was"),
}

TABLES: Mapping[str, Table] = {
    "trials": TRIALS,
    "frames": FRAMES,
    "identities": IDENTITIES,
    "curve": CURVE,
    "draws": DRAWS,
    "discard": DISCARD,
    "searches": SEARCHES,
    "faces": FACES,
    "contributors": CONTRIBUTORS,
    "attempts": ATTEMPTS,
    "left_out": LEFT_OUT,
    "portraits": PORTRAITS,
    "attention": ATTENTION,
    "attention_maps": ATTENTION_MAPS,
    "contributions": CONTRIBUTIONS,
    "layouts": LAYOUTS,
    "attributes": ATTRIBUTES,
    "judge": JUDGE,
    "nearest": NEAREST,
    "rank_one": RANK_ONE,
    "exposed": EXPOSED,
    "risk_sizes": RISK_SIZES,
    "resemblances": RESEMBLANCES,
    "presentations": PRESENTATIONS,
    "placements": PLACEMENTS,
}


def to_parquet(name: str, frame: pd.DataFrame) -> bytes:
    """The bytes of a Parquet file that holds a table, with its version and units in the metadata.

    Args:
        name: a name of `TABLES`.
        frame: a frame with exactly that table's columns.
    """
    table = TABLES[name]
    metadata = {b"impersona.table": name.encode(), b"impersona.version": str(RUN_VERSION).encode()}
    fields = [
        pa.field(column, spec.type, metadata={"unit": spec.unit, "meaning": spec.meaning})
        for column, spec in table.items()
    ]
    arrow = pa.Table.from_pandas(frame[list(table)], schema=pa.schema(fields), preserve_index=False)
    sink = io.BytesIO()
    pq.write_table(arrow.replace_schema_metadata(metadata), sink, compression="zstd")
    return sink.getvalue()


def from_parquet(name: str, data: bytes, where: str) -> pd.DataFrame:
    """The table in the bytes of a Parquet file.

    Args:
        name: a name of `TABLES`.
        data: the whole file.
        where: what to call it in an error.

    Raises:
        CorruptFile: not Parquet, another table, or written by a newer impersona.
    """
    try:
        arrow = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise CorruptFile(f"{where}: not a readable Parquet file ({error})") from error
    metadata = arrow.schema.metadata or {}
    got = metadata.get(b"impersona.table", b"?").decode(errors="replace")
    if got != name:
        raise CorruptFile(f"{where}: table {got!r}; expected {name!r}")
    written = metadata.get(b"impersona.version", b"").decode(errors="replace")
    version = migrations.readable(int(written) if written.isdecimal() else written, RUN_VERSION, where)
    arrow = migrations.table_of(arrow, name, version)
    if missing := [column for column in TABLES[name] if column not in arrow.column_names]:
        raise CorruptFile(f"{where}: table {name!r} lacks the column {', '.join(missing)}")
    frame: pd.DataFrame = arrow.select(list(TABLES[name])).to_pandas()
    return frame
