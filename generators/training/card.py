"""The run card: what was trained, on what, for how long, with what outcome; run_card.json for programs, .md to read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.provenance import git_commit, machine, version_of, versions
from generators.training.recipe import Recipe

FORMAT = "impersona.run_card/1"


def parameter_count(network: nn.Module) -> int:
    """How many numbers a network learns; a weight that is used twice counts once."""
    return sum(parameter.numel() for parameter in network.parameters())


def versions_here() -> dict[str, str]:
    """Of what computes: Python, torch, Lightning, NumPy and so on."""
    more = {name: version_of(name) for name in ("lightning", "safetensors")}
    return {**versions(), **more}


def card_of(
    run: Mapping[str, Any], recipe: Recipe, data: Mapping[str, Any], progress: Mapping[str, Any],
    device: torch.device, command: str, frozen: Mapping[str, str], last: Mapping[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    """The run card as plain values.

    Args:
        run: what identifies the run: name, preset, settings, seed, batch size.
        recipe: for its networks.
        data: what the source says of itself.
        progress: steps, images, seconds, and why it stopped.
        device: where it was trained last.
        command: what was typed last.
        frozen: role to the name of the network that taught.
        last: the last line of the log; None before the first.
    """
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "format": FORMAT,
        "run": dict(run),
        "data": dict(data),
        "frozen": dict(frozen),
        "progress": {**progress, "hours": round(progress["seconds"] / 3600, 3)},
        "parameters": {name: parameter_count(network) for name, network in recipe.networks.items()},
        "released": sorted(recipe.averaged),
        "ema_decay": recipe.ema_decay,
        "last": dict(last) if last else None,
        "command": command,
        "commit": git_commit(Path(__file__).parent),
        "device": f"{device.type} {gpu}".strip(),
        "machine": machine(),
        "versions": versions_here(),
    }


def write_card(out: Path, card: Mapping[str, Any]) -> None:
    """Writes run_card.json and run_card.md."""
    texts = {"run_card.json": json.dumps(card, indent=2, allow_nan=False) + "\n", "run_card.md": _markdown(card)}
    for name, text in texts.items():
        aside = out / f".{name}.{os.getpid()}"
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, out / name)


def _markdown(card: Mapping[str, Any]) -> str:
    run, progress = card["run"], card["progress"]
    commit = card["commit"] or {"commit": "no checkout", "changed": False}
    blocks = {
        "What": {
            "trained": f"{run['name']}, preset {run['preset'] or 'none'}",
            "seed": run["seed"],
            "faces a step": run["batch_size"],
            "started with": f"weights of SHA-256 {run['start']}" if "start" in run else "fresh networks",
            "taught by": ", ".join(f"{role}: {name}" for role, name in card["frozen"].items()) or "nobody",
            "command": f"`{card['command']}`" if card["command"] else "from Python",
            "commit": commit["commit"] + (" with changes" if commit["changed"] else ""),
        },
        "How far": {
            "steps": f"{progress['steps']:,}",
            "images seen": f"{progress['images']:,}",
            "hours": progress["hours"],
            "device": f"{card['device']}; {card['machine']['processor']}, {card['machine']['cores']} cores",
            "stopped because": progress["stopped"],
        },
        "Settings": run["settings"],
        "Data": card["data"],
        "Parameters": {name: f"{count:,}" + (", released" if name in card["released"] else "")
                       for name, count in card["parameters"].items()},
        "Last figures": _figures(card["last"]),
        "Versions": card["versions"],
    }  # fmt: skip
    parts = [f"# Run card: {run['name']}", ""]
    for title, rows in blocks.items():
        parts += [
            f"## {title}",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {_cell(value)} |" for name, value in rows.items()),
            "",
        ]
    return "\n".join(parts)


def _figures(last: Mapping[str, Any] | None) -> dict[str, str]:
    if last is None:
        return {"none": "it stopped before the first tick"}
    found = {
        f"{phase}: {name}": f"{value:.4g}" for phase, terms in last["losses"].items() for name, value in terms.items()
    }
    return {**found, "images a second": str(last["images_per_second"]), "memory": f"{last['memory_mb']:,} MB"}


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("|", "\\|").replace("\n", " ")
