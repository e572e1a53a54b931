"""The network of the built-in model, and how it becomes an IR that carries its own metadata.

A few strided convolutions; after each stage the *statistics* of its features are taken: mean over
the picture, largest and smallest mean of a 5 x 5 grid of cells. Noise is where even the calmest
cell is busy; blur is where even the busiest cell is calm; a portrait with a soft background is
neither. The seams between JPEG blocks get filters of their own: strided
convolutions alone hardly find them. The head sees the statistics of all stages at once.
"""

from pathlib import Path

import openvino as ov
import torch
from torch import Tensor, nn

from jobs.train.builtin_degradations import LABELS, VIEW

# One number for all channels keeps black at -1.5 and white at +1.5.
MEAN, SCALE = 127.5, 85.0
GRID = 5


def _step(ins: int, outs: int, stride: int) -> nn.Sequential:
    """Depthwise 3 x 3, then pointwise: a twentieth of the work of a full convolution."""
    return nn.Sequential(
        nn.Conv2d(ins, ins, 3, stride, 1, groups=ins, bias=False),
        nn.BatchNorm2d(ins),
        nn.Conv2d(ins, outs, 1, bias=False),
        nn.BatchNorm2d(outs),
        nn.ReLU(),
    )


class Seams(nn.Module):  # type: ignore[misc]  # torch is not installed where mypy runs
    """Looks for the straight seams between compressed blocks, along one axis at a time.

    A step averaged over eight pixels along its edge, sign kept, stays where a seam runs and cancels
    where texture does. Learned filters across the edge then see its absolute value.
    """

    RUN, REACH, FILTERS = 8, 9, 8

    def __init__(self) -> None:
        super().__init__()
        # Rec. 601 luma of RGB, stepping by one pixel, averaged over the run: (1, 3, RUN, 2).
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        step = torch.tensor([-1.0, 1.0]).view(1, 1, 1, 2) / self.RUN
        self.register_buffer("step", (luma * step).repeat(1, 1, self.RUN, 1))
        self.filters = nn.Parameter(torch.randn(self.FILTERS, 1, 1, self.REACH) / 3)
        # Two filters begin as what a seam looks like at native scale, and between two pixels.
        with torch.no_grad():
            self.filters[0, 0, 0] = torch.tensor([0.0, 0, 0, -0.5, 1, -0.5, 0, 0, 0])
            self.filters[1, 0, 0] = torch.tensor([0.0, 0, -0.5, 0.5, 0.5, -0.5, 0, 0, 0])
        self.normal = nn.BatchNorm2d(self.FILTERS)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Statistics of vertical seams, then of horizontal ones, by the same filters."""
        conv, half = nn.functional.conv2d, self.RUN // 2
        steep = conv(conv(pixels, self.step, stride=(half, 1)).abs(), self.filters)
        level = conv(
            conv(pixels, self.step.transpose(2, 3), stride=(1, half)).abs(),
            self.filters.transpose(2, 3),
        )
        relu = nn.functional.relu
        return _statistics(relu(self.normal(steep))) + _statistics(relu(self.normal(level)))


class Network(nn.Module):  # type: ignore[misc]  # torch is not installed where mypy runs
    """(N, 3, 320, 320) RGB, normalised by MEAN and SCALE → (N, 7) logits."""

    def __init__(self) -> None:
        super().__init__()
        # Pointwise on every second pixel: a learned histogram of colours, clipping included.
        self.tones = nn.Sequential(nn.Conv2d(3, 16, 1, 2), nn.ReLU())
        self.seams = Seams()
        self.stages = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
                nn.Sequential(_step(16, 32, 2), _step(32, 32, 1)),
                nn.Sequential(_step(32, 64, 2), _step(64, 64, 1)),
                nn.Sequential(_step(64, 96, 2), _step(96, 96, 1)),
            ]
        )
        width = 3 * (16 + 2 * Seams.FILTERS + 16 + 32 + 64 + 96)
        self.head = nn.Sequential(
            nn.BatchNorm1d(width),
            nn.Dropout(0.25),
            nn.Linear(width, 64),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(64, len(LABELS)),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """The logits of a batch."""
        statistics = _statistics(self.tones(pixels)) + self.seams(pixels)
        features = pixels
        for stage in self.stages:
            features = stage(features)
            statistics += _statistics(features)
        logits: Tensor = self.head(torch.cat(statistics, dim=1))
        return logits


def _statistics(features: Tensor) -> list[Tensor]:
    cell = (features.shape[-2] // GRID, features.shape[-1] // GRID)
    # The square root makes weak and strong responses comparable; the 1e-4 bounds its slope.
    cells = (nn.functional.avg_pool2d(features, cell) + 1e-4).sqrt()
    return [cells.mean((2, 3)), cells.amax((2, 3)), cells.amin((2, 3))]


def write_ir(network: Network, path: Path) -> None:
    """Write the network with its Softmax as `path` (.xml) and .bin, `rt_info/model_info` inside."""
    whole = nn.Sequential(network, nn.Softmax(dim=1)).eval()
    shape = [1, 3, VIEW, VIEW]
    model = ov.convert_model(whole, example_input=torch.zeros(shape), input=[shape])
    model.inputs[0].set_names({"pixels"})
    model.inputs[0].node.set_friendly_name("pixels")
    model.inputs[0].node.set_layout(ov.Layout("NCHW"))
    model.outputs[0].set_names({"scores"})
    model.set_friendly_name("photo_quality")
    info = {
        "model_type": "Classification",
        "model_short_name": "photo_quality",
        "layout": "pixels:NCHW,scores:NC",
        "labels": " ".join(LABELS),
        "resize_type": "crop",
        "interpolation_mode": "LINEAR",
        "mean_values": " ".join([str(MEAN)] * 3),
        "scale_values": " ".join([str(SCALE)] * 3),
        "reverse_input_channels": "True",
        "pad_value": "0",
        "input_dtype": "u8",
        "intensity_mode": "none",
        "embedded_processing": "False",
        "multilabel": "False",
        "hierarchical": "False",
        "output_raw_scores": "True",
        "topk": "1",
    }
    for key, value in info.items():
        model.set_rt_info(value, ["model_info", key])
    ov.save_model(model, path, compress_to_fp16=False)
