"""The picture page of the drawn people shows what its own Python draws."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = sorted((DOCS / "images").glob("drawn-*.webp"))


def test_the_page_shows_every_picture_and_they_are_small() -> None:
    shown = re.findall(r"\]\(images/(drawn-[\w.-]+)\)", (DOCS / "drawn.md").read_text(encoding="utf-8"))
    assert sorted(shown) == [path.name for path in PICTURES]
    sizes = [path.stat().st_size for path in PICTURES]
    assert max(sizes) < 400_000
    assert sum(sizes) < 1_500_000


@pytest.mark.full
def test_its_python_makes_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (DOCS / "drawn.md").read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in PICTURES]
    for path in PICTURES:
        made, kept = (
            np.asarray(Image.open(folder / path.name).convert("RGB"), int) for folder in (tmp_path, DOCS / "images")
        )
        assert made.shape == kept.shape
        # another release of libwebp may round differently; another drawing differs by far more
        assert np.abs(made - kept).mean() < 0.5, path.name
