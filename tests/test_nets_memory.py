"""Blocks take features channels last and hand them on so: no pass over them is spent on another order of memory."""

import math

import pytest
import torch
from torch import nn
from torch.profiler import profile

from generators.nets.attention import SpatialTransformer
from generators.nets.residual import plain
from generators.nets.residual_plain import bridge_block
from generators.nets.sean import RegionPatches, sean_block

SHAPE = (2, 32, 16, 16)
REGIONS, STYLE = 5, 8


def transformer():
    block = SpatialTransformer(32, STYLE, heads=2, head_width=16)
    nn.init.normal_(block.out.weight)
    tokens = torch.randn(2, REGIONS, STYLE, requires_grad=True)
    return lambda features: block(features, tokens, logits=True).features


def sean():
    block = sean_block(32, 32, REGIONS, STYLE, hidden=16, norm="instance").to(memory_format=torch.channels_last)
    patches = RegionPatches(torch.randn(2, REGIONS, 32, 32).softmax(1).to(memory_format=torch.channels_last))
    patches.at(16, 16)
    styles = torch.randn(2, REGIONS, STYLE, requires_grad=True)
    return lambda features: block(features, patches, styles)


def bridge():
    return bridge_block(32, 32).to(memory_format=torch.channels_last)


def bridge_without_norm():
    return bridge_block(32, 32, norm=plain, slope=0.2).to(memory_format=torch.channels_last)


def reordered(network, features, towards):
    """Shapes of the tensors, as large as the features or larger, that a forward and a backward pass reorder."""
    with profile(record_shapes=True) as seen:
        network(features).backward(towards)
    clones = [event.input_shapes[0] for event in seen.events() if event.name == "aten::clone"]
    return [shape for shape in clones if math.prod(shape) >= math.prod(SHAPE)]


@pytest.mark.parametrize("make", [transformer, sean, bridge, bridge_without_norm])
def test_channels_last_in_and_out_and_nothing_reordered(make):
    torch.manual_seed(0)
    network = make()
    features, towards = (torch.randn(SHAPE).to(memory_format=torch.channels_last) for _ in range(2))
    features.requires_grad_()
    assert network(features).is_contiguous(memory_format=torch.channels_last)
    assert reordered(network, features, towards) == []
    assert features.grad.is_contiguous(memory_format=torch.channels_last)


def test_the_measure_sees_a_reordering():
    torch.manual_seed(0)
    features = torch.randn(SHAPE).requires_grad_()  # channels first
    assert reordered(transformer(), features, torch.randn(SHAPE)) != []
