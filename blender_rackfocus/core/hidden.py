# SPDX-License-Identifier: GPL-3.0-or-later
"""What the camera's one picture never saw: the surface behind a near edge, as a second sample per pixel.

Seen from a point u of the lens (|u| <= 1), a surface with signed circle of confusion c is shifted by c u pixels. Two
surfaces that meet at an edge are therefore moved apart by up to their difference in c, and that wide is the strip of
the farther one that some part of the lens sees and the pinhole does not. So a pixel p has a hidden surface behind it
where a farther pixel q exists with

    c(q) - c(p) > |q - p|

A continuous surface whose c changes by less than a pixel per pixel (floors, walls, faces) never fulfils it: no
threshold decides what an edge is, and, as only differences of c count, none of it changes while the focus moves.
"""

import cv2
import numpy as np

SHALLOWEST_STEP_PX = 0.7
"""Steps in the circle of confusion below this leave no visible strip."""


def hidden_samples(rgb: np.ndarray, coc: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The surface behind each pixel that a neighbouring farther surface continues under.

    rgb   (H, W, C) float32;  coc (H, W) float32 signed radius in pixels
    cell  edge of the search's cells in pixels, >= 1
    returns (colour (H, W, C), coc (H, W), coverage 0..1 (H, W)), all float32, or None where nothing is hidden
    """
    height, width = coc.shape
    nearest, farthest = _cells(coc, cell)
    receivers = _receivers(nearest, farthest, cell)
    if receivers.size == 0:
        return None
    source, beyond, distance = _search(receivers, nearest, farthest, cell)
    found = source >= 0
    if not found.any():
        return None
    receivers, source, beyond, distance = (a[found] for a in (receivers, source, beyond, distance))
    colour = _far_colour(rgb, coc, farthest, np.concatenate([source, beyond]), cell)
    colour = (colour[: source.size] + colour[source.size :]) * np.float32(0.5)
    planes = np.zeros((farthest.size, colour.shape[1] + 1), np.float32)
    planes[receivers, :-1] = colour
    planes[receivers, -1] = 1
    planes = cv2.blur(planes.reshape(*farthest.shape, -1), (3, 3), borderType=cv2.BORDER_CONSTANT)
    planes[..., :-1] /= np.maximum(planes[..., -1:], np.float32(1e-6))
    far_coc = np.full(farthest.size, -np.inf, np.float32)
    far_coc[receivers] = farthest.ravel()[source] - distance
    depth = np.zeros(farthest.size, np.float32)
    depth[receivers] = farthest.ravel()[source]
    size = farthest.shape[1] * cell, farthest.shape[0] * cell
    reach = cv2.resize(far_coc.reshape(farthest.shape), size, interpolation=cv2.INTER_NEAREST)[:height, :width]
    back_coc = cv2.resize(depth.reshape(farthest.shape), size, interpolation=cv2.INTER_NEAREST)[:height, :width]
    back = cv2.resize(planes[..., :-1], size, interpolation=cv2.INTER_LINEAR)[:height, :width]
    coverage = np.clip(reach - coc + np.float32(0.5), 0, 1)
    return back, back_coc, coverage


def _cells(coc: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest circle in each cell of the picture."""
    height, width = coc.shape
    down, right = -height % cell, -width % cell
    if down or right:
        coc = cv2.copyMakeBorder(coc, 0, down, 0, right, cv2.BORDER_REPLICATE)
    box, corner = np.ones((cell, cell), np.uint8), (0, 0)
    return (
        np.ascontiguousarray(cv2.erode(coc, box, anchor=corner)[::cell, ::cell]),
        np.ascontiguousarray(cv2.dilate(coc, box, anchor=corner)[::cell, ::cell]),
    )


def _receivers(nearest: np.ndarray, farthest: np.ndarray, cell: int) -> np.ndarray:
    """Flat indices of cells that something farther reaches: where the cone of slope 1 over `farthest` stands above."""
    envelope = farthest
    square, cross = np.ones((3, 3), np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    span = float(farthest.max() - nearest.min())
    for turn in range(int(np.ceil(span / cell))):
        envelope = np.maximum(envelope, cv2.dilate(envelope, square if turn % 2 else cross) - np.float32(cell))
    return np.flatnonzero(envelope > nearest + np.float32(SHALLOWEST_STEP_PX))


def _search(
    receivers: np.ndarray, nearest: np.ndarray, farthest: np.ndarray, cell: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each receiver the nearest cell that reaches it, the one beyond, and its distance in pixels (-1: none)."""
    rows, columns = nearest.shape
    source = np.full(receivers.size, -1, np.int64)
    beyond, distance = source.copy(), np.zeros(receivers.size, np.float32)
    own = nearest.ravel()[receivers]
    y, x = np.divmod(receivers, columns)
    far = farthest.ravel()
    waiting = np.arange(receivers.size)
    widest = float(farthest.max()) - own
    for y_step, x_step, length in _offsets(int(np.ceil(widest.max() / cell)) + 1):
        if waiting.size == 0:
            break
        away = np.float32(length * cell)
        sy, sx = y[waiting] + y_step, x[waiting] + x_step
        inside = (sy >= 0) & (sy < rows) & (sx >= 0) & (sx < columns)
        at = np.where(inside, sy * columns + sx, 0)
        reaches = inside & (far[at] - own[waiting] > max(away - np.float32(0.5 * cell), SHALLOWEST_STEP_PX))
        if not reaches.any():
            continue
        hit = waiting[reaches]
        source[hit], distance[hit] = at[reaches], max(float(away - np.float32(0.5 * cell)), 0.0)
        by = np.clip(sy[reaches] + round(y_step / length), 0, rows - 1)
        bx = np.clip(sx[reaches] + round(x_step / length), 0, columns - 1)
        past = by * columns + bx
        alike = np.abs(far[past] - far[at[reaches]]) < 1
        beyond[hit] = np.where(alike, past, at[reaches])
        waiting = waiting[~reaches]
    return source, beyond, distance


def _offsets(reach: int) -> list[tuple[int, int, float]]:
    """Cells around (0, 0) in order of distance: 8 directions close by, 16 farther out."""
    out = []
    for ring in range(1, reach + 1):
        angles = np.arange(8 if ring < 3 else 16) * (np.pi / (4 if ring < 3 else 8))
        steps = {(round(ring * np.sin(a)), round(ring * np.cos(a))) for a in angles}
        out += [(dy, dx, float(np.hypot(dy, dx))) for dy, dx in steps]
    return sorted(out, key=lambda o: (o[2], o))


def _far_colour(rgb: np.ndarray, coc: np.ndarray, farthest: np.ndarray, cells: np.ndarray, cell: int) -> np.ndarray:
    """Colour of each cell's farthest surface, (len(cells), C).

    The mean is taken over logarithms: a highlight beside an edge must not be continued under it.
    """
    unique, back = np.unique(cells, return_inverse=True)
    cy, cx = np.divmod(unique, farthest.shape[1])
    within = np.arange(cell)
    y = np.minimum(cy[:, None, None] * cell + within[None, :, None], coc.shape[0] - 1)
    x = np.minimum(cx[:, None, None] * cell + within[None, None, :], coc.shape[1] - 1)
    pixels = rgb[y, x]
    far = (coc[y, x] > farthest.ravel()[unique][:, None, None] - 1).astype(np.float32)[..., None]
    small = np.float32(1e-3)
    mean = (np.log(np.maximum(pixels, 0) + small) * far).sum((1, 2)) / far.sum((1, 2))
    return (np.exp(mean) - small)[back]
