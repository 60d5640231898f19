"""The reader of dlib's weight file: the real file, and every way in which it might be another."""

import numpy as np
import pytest

from bench.errors import CorruptFile, MissingFile
from bench.recognizers.dlib_resnet import WEIGHT_FILE
from bench.recognizers.dlib_weights import STAGES, STEM, block_convolutions, parse_weights, read_weights
from bench.weights import dlib_model


@pytest.fixture(scope="module")
def data():
    return dlib_model(WEIGHT_FILE).read_bytes()


def test_every_tensor_is_there_in_its_shape(data):
    weights = parse_weights(data, "file")
    shapes = [STEM]
    for channels_in, channels_out, down in (block for stage in STAGES for block in stage):
        shapes += block_convolutions(channels_in, channels_out, down)
    assert len(weights.convolutions) == len(shapes) == 29
    for layer, (channels_in, channels_out, kernel, stride, padding) in zip(weights.convolutions, shapes, strict=True):
        assert layer.weight.shape == (channels_out, channels_in, kernel, kernel)
        assert layer.bias.shape == layer.gamma.shape == layer.beta.shape == (channels_out,)
        assert (layer.stride, layer.padding) == (stride, padding)
    assert weights.matrix.shape == (256, 128)
    tensors = [weights.matrix] + [
        part for layer in weights.convolutions for part in (layer.weight, layer.bias, layer.gamma, layer.beta)
    ]
    assert 0 < len(data) - sum(part.nbytes for part in tensors) < 15_000  # what is left are tags and settings


def test_first_and_last_numbers_are_those_of_the_file(data):
    weights = parse_weights(data, "file")
    stem = data.index(b"con_4") + 16  # tag, version and four dimensions
    np.testing.assert_array_equal(weights.convolutions[0].weight.ravel()[:8], np.frombuffer(data, "<f4", 8, stem))
    last = data.rindex(b"fc_2") + 20
    np.testing.assert_array_equal(weights.matrix.ravel()[:8], np.frombuffer(data, "<f4", 8, last))


@pytest.mark.parametrize("length", [0, 1, 17, 200, 340, 400, 19_383, 1_000_000, 22_466_065])
def test_a_truncated_file_is_refused(data, length):
    with pytest.raises(CorruptFile, match=r"cut\.dat: got .* expected dlib_face_recognition"):
        parse_weights(data[:length], "cut.dat")


def test_bytes_behind_the_end_are_refused(data):
    with pytest.raises(CorruptFile, match="1 bytes after the last layer"):
        parse_weights(data + b"\x00", "long.dat")


@pytest.mark.parametrize(
    ("what", "by", "says"),
    [
        (b"loss_metric_2", b"loss_metric_3", "at the start"),
        (b"\x05con_4", b"\x05con_5", r"layer b'con_5', expected 'con_4'"),
        (b"\x0amax_pool_2", b"\x0aavg_pool_2", r"expected 'max_pool_2'"),
        (b"image_sized\x03b\x90", b"image_sized\x03b\x94", r"channel means \(122\.79"),
        (b"\x01\x96\x01\x96", b"\x01\x96\x01\x95", r"size of the input \(150, 149\)"),
        (b"con_4\x01\x02", b"con_4\x01\x01", r"tensor \(1, "),
        (b"\x02\x80\x12\x01\x01", b"\x02\x81\x12\x01\x01", r"tensor \(2, 4737, "),
        (b"\x01\x20\x01\x07\x01\x07\x01\x02", b"\x01\x20\x01\x07\x01\x07\x01\x01", "convolution"),
        (b"affine_\x01", b"affine_\x0a", "where an integer begins"),
        (b"relu_110", b"relu_1x0", "booleans"),
    ],
)
def test_another_network_is_refused(data, what, by, says):
    assert len(what) == len(by)
    assert what in data
    with pytest.raises(CorruptFile, match=says):
        parse_weights(data.replace(what, by, 1), "other.dat")


def test_nan_is_refused(data):
    at = data.index(b"con_4") + 16
    with pytest.raises(CorruptFile, match="not finite"):
        parse_weights(data[:at] + np.float32(np.nan).tobytes() + data[at + 4 :], "nan.dat")


def test_noise_is_refused_and_absence_is_told():
    with pytest.raises(CorruptFile):
        parse_weights(np.random.default_rng(0).bytes(10_000), "noise.dat")
    with pytest.raises(MissingFile, match="pip install"):
        read_weights("nowhere.dat")
