# SPDX-License-Identifier: GPL-3.0-or-later
"""A monocular depth network the user chose: an ONNX file run by OpenCV's DNN, or by onnxruntime where installed.

No weights are shipped. Preprocessing as MiDaS (Ranftl et al., TPAMI 2022, arXiv:1907.01341) and Depth Anything V2
(Yang et al. 2024, arXiv:2406.09414) publish it: sRGB 0-1, minus the ImageNet mean, over its deviation.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from .onnx_file import OnnxHeader, Tensor, read_header
from .provenance import EstimateError

Kind = Literal["RELATIVE", "METRIC"]
Engine = Literal["AUTO", "OPENCV", "ONNXRUNTIME"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# A pixel a metric network puts nearer than this is noise: inverse depths stay finite.
_NEAREST_M = 1e-3


@dataclass(frozen=True)
class NetworkSettings:
    """How a model file is to be used.

    path: the .onnx file. kind: RELATIVE (inverse depth of unknown scale and shift, larger = nearer) or METRIC (metres,
    larger = farther). invert: the output runs the other way than the kind says. long_side_px: input size where the
    file leaves it free; multiple: that size is rounded to it (14 for vision transformers). mean, std: per channel RGB.
    output: name of the output to use, '' = the first that is a picture. engine: which runtime.
    """

    path: str
    kind: Kind = "RELATIVE"
    invert: bool = False
    long_side_px: int = 392
    multiple: int = 14
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    output: str = ""
    engine: Engine = "AUTO"


class Network:
    """A loaded model. `run` turns a picture into the network's own output; `nearness` into values larger = nearer."""

    def __init__(
        self,
        settings: NetworkSettings,
        header: OnnxHeader,
        layout: str,
        runtime: str,
        forward: Callable[[np.ndarray], list[np.ndarray]],
        fingerprint: str,
    ):
        self.settings, self.header, self.layout, self.runtime = settings, header, layout, runtime
        self.fingerprint = fingerprint
        self._forward = forward

    @property
    def metric(self) -> bool:
        return self.settings.kind == "METRIC"

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) the network sees for a picture of this size."""
        return _input_size(self.header.inputs[0], self.layout, self.settings, width, height)

    def run(self, picture: np.ndarray) -> np.ndarray:
        """The raw output for one picture.

        picture : (H, W, 3 or 4) float32, scene-linear Rec.709, premultiplied.
        Returns (h, w) float32 in the network's own size and unit. Raises EstimateError if it cannot run or gives
        nothing usable (not one plane, NaN).
        """
        height, width = picture.shape[:2]
        outputs = self._forward(
            _blob(picture, self.input_size(width, height), self.layout, self.settings, self.header.inputs[0].elem_type)
        )
        plane = _plane(outputs, Path(self.settings.path).name)
        if not np.isfinite(plane).all():
            raise EstimateError(f"{Path(self.settings.path).name} gave NaN or infinite values ({self.runtime}).")
        return plane

    def nearness(self, picture: np.ndarray) -> np.ndarray:
        """(h, w) float32, larger = nearer: 1/metres for a metric model, inverse depth of unknown scale otherwise."""
        out = self.run(picture)
        if self.metric:
            if self.settings.invert:  # a "metric" file that gives 1/m
                return np.maximum(out, 0.0)
            return 1.0 / np.maximum(out, _NEAREST_M)
        return -out if self.settings.invert else out


def load_network(settings: NetworkSettings) -> Network:
    """Open the model, choose a runtime and run it once on an empty picture, so that failures come now.

    Raises EstimateError: file missing, not ONNX, cut short, no picture input, or not runnable by any runtime here;
    the message says which and what to do.
    """
    _check(settings)
    path = Path(settings.path)
    header = read_header(path)
    layout = _layout(header.inputs[0], path.name)
    trial = np.zeros((90, 160, 4), np.float32)
    blob = _blob(
        trial, _input_size(header.inputs[0], layout, settings, 160, 90), layout, settings, header.inputs[0].elem_type
    )
    reasons = []
    for runtime, opener in (("OpenCV DNN", _open_opencv), ("onnxruntime", _open_onnxruntime)):
        if settings.engine != "AUTO" and (settings.engine == "OPENCV") != (runtime == "OpenCV DNN"):
            continue
        try:
            forward = opener(path, settings, header)
            _plane(forward(blob), path.name)
        except _CannotRun as error:
            reasons.append(f"{runtime}: {error}")
            continue
        return Network(settings, header, layout, runtime, forward, _fingerprint(path))
    raise EstimateError(_unrunnable(path, header, reasons))


def suggest_kind(path: str | Path) -> Kind:
    """RELATIVE or METRIC as the file's own name and texts suggest: a suggestion for the setting, no more."""
    texts = [Path(path).stem]
    try:
        header = read_header(path)
        texts += [*header.metadata.values(), *(t.name for t in header.outputs)]
    except EstimateError:
        pass
    words = " ".join(texts).lower()
    return "METRIC" if any(word in words for word in ("metric", "zoedepth", "nyu", "kitti", "unidepth")) else "RELATIVE"


class _CannotRun(Exception):
    """One runtime's refusal; the next may be tried."""


def _check(settings: NetworkSettings) -> None:
    if not settings.path:
        raise EstimateError("No depth network is chosen: set a model file (.onnx) in the preferences or on the strip.")
    if settings.kind not in ("RELATIVE", "METRIC"):
        raise ValueError(f"kind must be RELATIVE or METRIC, not {settings.kind!r}")
    if settings.engine not in ("AUTO", "OPENCV", "ONNXRUNTIME"):
        raise ValueError(f"engine must be AUTO, OPENCV or ONNXRUNTIME, not {settings.engine!r}")
    if settings.long_side_px < 16 or settings.multiple < 1:
        raise ValueError("long_side_px must be at least 16 and multiple at least 1")
    if len(settings.mean) != 3 or len(settings.std) != 3 or min(settings.std) <= 0:
        raise ValueError("mean and std need three numbers each, std above 0")


def _layout(tensor: Tensor, name: str) -> str:
    dims = tensor.dims
    if len(dims) == 3:  # no batch axis
        return "CHW" if dims[0] == 3 or dims[2] != 3 else "HWC"
    if len(dims) == 4:
        return "NHWC" if dims[3] == 3 and dims[1] != 3 else "NCHW"
    raise EstimateError(f"{name} does not take one RGB picture: its input has the sizes {_sizes(dims)}.")


def _sizes(dims: tuple[int | None, ...]) -> str:
    return " x ".join("free" if d is None else str(d) for d in dims) or "(none)"


def _input_size(tensor: Tensor, layout: str, settings: NetworkSettings, width: int, height: int) -> tuple[int, int]:
    fixed_h, fixed_w = tensor.dims[layout.index("H")], tensor.dims[layout.index("W")]
    scale = settings.long_side_px / max(width, height)

    def rounded(side: int) -> int:
        return max(1, round(side * scale / settings.multiple)) * settings.multiple

    return fixed_w or rounded(width), fixed_h or rounded(height)


def _blob(
    picture: np.ndarray, size: tuple[int, int], layout: str, settings: NetworkSettings, elem_type: int
) -> np.ndarray:
    """Shrink in linear light (area average, as a lens would), then encode, normalise and lay out."""
    shrinks = size[0] <= picture.shape[1] and size[1] <= picture.shape[0]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)[..., :3]
    rgb = srgb_encode(small)
    rgb = (rgb - np.array(settings.mean, np.float32)) / np.array(settings.std, np.float32)
    if "C" in layout and layout.index("C") < layout.index("H"):
        rgb = rgb.transpose(2, 0, 1)
    if layout.startswith("N"):
        rgb = rgb[None]
    return np.ascontiguousarray(rgb, np.float16 if elem_type == 10 else np.float32)


def srgb_encode(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 encoding of linear light, clipped to 0-1."""
    x = np.clip(linear, 0.0, 1.0).astype(np.float32)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(np.maximum(x, 1e-9), 1 / 2.4) - 0.055)


def _plane(outputs: list[np.ndarray], name: str) -> np.ndarray:
    """The first output that is one plane, whatever its axes of length 1."""
    for out in outputs:
        squeezed = np.squeeze(np.asarray(out))
        if squeezed.ndim == 2 and min(squeezed.shape) > 1:
            return np.ascontiguousarray(squeezed, np.float32)
    shapes = ", ".join(_sizes(np.asarray(out).shape) for out in outputs) or "nothing"
    raise EstimateError(f"{name} does not give one depth picture; its output has the sizes {shapes}.")


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV's log off: a refusal is told in our words, not on the terminal."""
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


def _open_opencv(path: Path, settings: NetworkSettings, header: OnnxHeader) -> Callable:
    try:
        with _quiet():
            net = cv2.dnn.readNetFromONNX(str(path), cv2.dnn.ENGINE_AUTO)
    except cv2.error as error:
        raise _CannotRun(_short(error)) from None
    if net.empty():
        raise _CannotRun("it gave back an empty network")
    names = [settings.output] if settings.output else [t.name for t in header.outputs]

    def forward(blob: np.ndarray) -> list[np.ndarray]:
        try:
            with _quiet():
                net.setInput(blob.astype(np.float32), header.inputs[0].name)
                return list(net.forward(names)) if len(names) > 1 else [net.forward(names[0])]
        except cv2.error as error:
            raise _CannotRun(_short(error)) from None

    return forward


def _open_onnxruntime(path: Path, settings: NetworkSettings, header: OnnxHeader) -> Callable:
    if importlib.util.find_spec("onnxruntime") is None:
        raise _CannotRun("not installed")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = max(1, min(os.cpu_count() or 1, cv2.getNumThreads()))
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own classes, all plain Exceptions
        raise _CannotRun(_short(error)) from None
    names = [settings.output] if settings.output else None

    def forward(blob: np.ndarray) -> list[np.ndarray]:
        try:
            return session.run(names, {header.inputs[0].name: blob})
        except Exception as error:
            raise _CannotRun(_short(error)) from None

    return forward


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[-220:] if text else type(error).__name__


def _unrunnable(path: Path, header: OnnxHeader, reasons: list[str]) -> str:
    text = f"{path.name} cannot be run here. " + "; ".join(reasons) + "."
    if any("not installed" in reason for reason in reasons):
        if "DynamicQuantizeLinear" in header.ops:
            text += " It is an int8 file of a kind only onnxruntime runs: install onnxruntime or take a float file."
        else:
            text += " Installing onnxruntime into Blender's Python, or another export of the model, may help."
    return text


def _fingerprint(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
