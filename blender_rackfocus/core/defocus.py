# SPDX-License-Identifier: GPL-3.0-or-later
"""The layered renderer: one sharp picture and its depth in, the picture through a lens out.

The way of a frame: depth becomes signed circles of confusion (lens); what near edges hide is added as a second sample
per pixel (hidden); tile by tile, samples are sorted into layers, blurred and composited (layers).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from .aperture import CENTRE, Aperture, vignetting_gain
from .blur import Field
from .bound import largest_px
from .crew.crew import crew
from .crew.workers import Workers, bands, up_to, workers
from .edges import Strands, unmixed
from .gaps import Gaps, gaps_of
from .hidden import Seen, hidden_samples
from .highlights import Highlights, highlight_factor
from .lamps import Lamps, taken_out
from .layers import Lit, render_tile
from .lens import Lens, breathing_scale, chromatic_offset_px, coc_px
from .levels import FINENESS, Level, Stand, layer_step, levels_of
from .planes import at_least_zero, at_most, double, with_sign_of

UNTOUCHED_PX = 0.25
"""Below this radius a pixel is in focus: it comes back bit for bit."""

QUALITIES = ("draft", "final")
TILES_PX = {"final": 360, "draft": 240, "field": 128}
"""Edge of the tiles, multiples of the largest scale; small where kernels change over the picture."""

TILES_OF_SMALL_BLUR_PX = 270
"""The largest edge where nothing is reduced to less than half the size: what reaches into tiles is narrow then."""

NOTHING_SPREADS = 1e-4

SHARPENED_PX = 65_000
"""Pixels of a draft that are sharpened at once: so many stay in the processor's cache."""

HALVED_PX = math.sqrt(3.0)
"""Radius of the disc as wide as the blur that a picture has once it was halved and enlarged again
(`blur.reduced_radius`): up to there a draft blends the picture itself with that, by the square of the radius."""


@dataclass(frozen=True)
class Behind:
    """A second layer: what the picture's surfaces hide, as the same camera would see it without them.

    picture  (H, W, 3) or (H, W, 4) float32, scene-linear, alpha premultiplied (without, it is 1)
    depth_m  (H, W) float32, metres, > 0 (+inf is the far background)
    known    (H, W) float32: 1 where the two are known, 0 where what lies behind is to be filled in from around
    """

    picture: np.ndarray
    depth_m: np.ndarray
    known: np.ndarray


def defocus_frame(
    rgba: np.ndarray,
    depth_m: np.ndarray,
    lens: Lens,
    *,
    aperture: Aperture | None = None,
    highlights: Highlights | None = None,
    quality: str = "final",
    behind: Behind | None = None,
    margin: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """The picture as the lens would have taken it.

    rgba: (H, W, 4) or (H, W, 3) float32, scene-linear, alpha premultiplied, top row first; values may exceed 1.
    depth_m: (H, W) float32, metres along the optical axis, > 0; +inf (or >= 1e9) is the far background.
    behind: what is known of the surfaces that depth_m hides; it counts where it is farther than they are.
    margin: so many (rows, columns) on every side lie outside the frame: their light reaches into it. Lens and aperture
    speak of the frame.
    Returns (H, W, 4) or (H, W, 3) float32, a new array of rgba's shape without the margin; bit for bit rgba where the
    circle's radius is below a quarter pixel and nothing spreads over it; circles larger than the picture are cut
    (`bound.circles_cut` tells where).
    Raises ValueError naming the argument for wrong shapes, dtypes, non-finite pixels or depth that is NaN or <= 0.
    """
    _check(rgba, depth_m, quality, margin)
    if behind is not None:
        _check_behind(behind, depth_m.shape)
    aperture = aperture or Aperture()
    highlights = highlights or Highlights()
    frame = depth_m.shape[0] - 2 * margin[0], depth_m.shape[1] - 2 * margin[1]
    limit_px = largest_px(frame, aperture)
    with workers(depth_m.size) as work:
        coc, circles = work.empty(depth_m.shape), work.empty(depth_m.shape)
        colour = _taken(rgba, depth_m, lens, frame[1], limit_px, coc, circles, work)
        if colour.shape[2] == 3 and behind is not None and _is_open(behind):
            colour = work.copy(np.dstack([colour, np.ones_like(coc)]))
        light = _lit(colour, coc, highlights, work)
        seen = None if behind is None else _seen(behind, lens, frame[1], highlights, light.shape[2], work)
        if lens.axial_chromatic:
            out = rgba.copy()
            groups = [0], [1, 3][: colour.shape[2] - 2], [2]  # alpha goes with green
            for channels, offset in zip(groups, chromatic_offset_px(lens, frame[1]), strict=True):
                with work.scratch():
                    part = work.copy(light[..., channels])
                    own = _drawn(coc + np.float32(offset), limit_px)
                    further = seen and _channels(seen, channels, offset)
                    further = further and replace(further, coc=_drawn(further.coc, limit_px))
                    out[..., channels] = _render(part, part, work.copy(own), further, aperture, quality, margin, work)
        else:
            further = seen and replace(seen, coc=_drawn(seen.coc, limit_px))
            out = _render(rgba, light, circles, further, aperture, quality, margin, work)
    if aperture.vignetting > 0:
        out *= _widened(vignetting_gain(*frame, aperture), margin)[..., None]
    scale = breathing_scale(lens)
    return within(out if scale == 1.0 else magnified(out, scale), margin)


def within(picture: np.ndarray, margin: tuple[int, int]) -> np.ndarray:
    """A picture without a margin of so many (rows, columns) on every side; itself where there is none.

    picture: (H, W) or (H, W, C) float32, scene-linear or metres. Returns (h, w) or (h, w, C) float32, scene-linear or
    metres.
    """
    if not any(margin):
        return picture
    rows, columns = (slice(beyond, length - beyond) for beyond, length in zip(margin, picture.shape[:2], strict=True))
    return np.ascontiguousarray(picture[rows, columns])


def _widened(plane: np.ndarray, margin: tuple[int, int]) -> np.ndarray:
    """A plane of the frame with the margin around it, as at the border."""
    return np.pad(plane, [(beyond, beyond) for beyond in margin], mode="edge") if any(margin) else plane


def close() -> None:
    """The end: no helper process runs on."""
    crew.go()


def without_helpers() -> str:
    """Why no helper processes share the work; empty when they do, or were not needed yet."""
    return crew.without


def magnified(picture: np.ndarray, scale: float) -> np.ndarray:
    """The picture scaled about its centre within its frame, as a lens that breathes shows it; borders are mirrored.

    Blur is magnified with the rest: of a lens that breathes in full the circle is the textbook's f^2 / (N (s - f)).
    picture: (H, W, C) float32, scene-linear. Returns (H, W, C) float32, scene-linear.
    """
    height, width = picture.shape[:2]
    shift_x, shift_y = (width - 1) / 2 * (1 - scale), (height - 1) / 2 * (1 - scale)
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]], np.float64)
    size = width, height
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _taken(
    rgba: np.ndarray,
    depth_m: np.ndarray,
    lens: Lens,
    frame_px: int,
    limit_px: float,
    coc: np.ndarray,
    circles: np.ndarray,
    work: Workers,
) -> np.ndarray:
    """Write the signed circles of all pixels to `coc`, and as they are drawn to `circles`.

    frame_px: width of the frame. Returns the colours, without alpha (coverage) if it is all 1. Raises ValueError if a
    pixel or a depth is none.
    """
    colour = work.empty((*rgba.shape[:2], 3))
    parts = [(rows,) for rows in bands(*coc.shape)]
    opaque = work.here(partial(_take, rgba, depth_m, lens, frame_px, limit_px, coc, circles, colour), parts)
    return colour if all(opaque) else work.copy(rgba)


def _take(
    rgba: np.ndarray,
    depth_m: np.ndarray,
    lens: Lens,
    frame_px: int,
    limit_px: float,
    coc: np.ndarray,
    circles: np.ndarray,
    colour: np.ndarray,
    rows: slice,
) -> bool:
    """A band of rows; tells whether all of it is opaque."""
    own = rgba[rows]
    if not np.isfinite(own).all():
        raise ValueError("rgba: must be finite everywhere")
    coc[rows] = coc_px(depth_m[rows], lens, frame_px)
    circles[rows] = _drawn(coc[rows], limit_px)
    if rgba.shape[2] == 3:
        colour[rows] = own
    elif (cv2.extractChannel(own, 3) != 1).any():
        return False
    else:
        cv2.cvtColor(own, cv2.COLOR_BGRA2BGR, dst=colour[rows])  # drops alpha, keeps the order
    return True


def _is_open(behind: Behind) -> bool:
    """Whether one can see through what is known, somewhere."""
    return behind.picture.shape[2] == 4 and bool((behind.picture[..., 3][behind.known > 0] != 1).any())


def _seen(behind: Behind, lens: Lens, frame_px: int, highlights: Highlights, channels: int, work: Workers) -> Seen:
    """A second layer as the renderer takes it: light, circles (not yet as they are drawn), where it is known."""
    known = np.clip(behind.known, 0, 1)
    there = (known > 0).view(np.uint8)
    coc = coc_px(cv2.copyTo(behind.depth_m, there, np.full_like(known, np.inf)), lens, frame_px)
    colour = cv2.copyTo(behind.picture, there, np.zeros_like(behind.picture))
    if channels != colour.shape[2]:
        colour = cv2.cvtColor(colour, cv2.COLOR_BGR2BGRA if channels == 4 else cv2.COLOR_BGRA2BGR)
    return Seen(_lit(colour, coc, highlights, work), coc, known)


def _channels(seen: Seen, channels: list[int], offset_px: float) -> Seen:
    """A second layer's channels, whose circles are so much larger."""
    return Seen(np.ascontiguousarray(seen.light[..., channels]), seen.coc + np.float32(offset_px), seen.known)


def _render(
    picture: np.ndarray,
    light: np.ndarray,
    coc: np.ndarray,
    seen: Seen | None,
    aperture: Aperture,
    quality: str,
    margin: tuple[int, int],
    work: Workers,
) -> np.ndarray:
    """A picture through the lens; `light` is what its out-of-focus pixels spread, without alpha if it is opaque."""
    if not coc.any():
        return picture.copy()
    through = _draft if quality == "draft" else _final
    result, before = through(light, coc, seen, aperture, margin, work)
    out = np.empty_like(picture)
    parts = [(rows,) for rows in bands(*coc.shape)]
    work.here(partial(_assemble, picture, coc, result, before, out), parts)
    return out


def _assemble(
    picture: np.ndarray, coc: np.ndarray, result: np.ndarray, before: np.ndarray, out: np.ndarray, rows: slice
) -> None:
    """Write a band of the result, with pixels in focus that nothing spreads over as they were in the picture."""
    kept = (before[rows] < NOTHING_SPREADS) & (coc[rows] == 0)
    _copied(result[rows], out[rows])
    cv2.copyTo(picture[rows], kept.view(np.uint8), dst=out[rows])


def _copied(picture: np.ndarray, out: np.ndarray) -> None:
    """Write a picture; where one of the two is without alpha, the other one's is 1."""
    ways = {(3, 4): cv2.COLOR_BGR2BGRA, (4, 3): cv2.COLOR_BGRA2BGR}
    way = ways.get((picture.shape[2], out.shape[2]))
    if way is None:
        out[...] = picture
    else:
        cv2.cvtColor(picture, way, dst=out)


def _final(
    light: np.ndarray,
    coc: np.ndarray,
    seen: Seen | None,
    aperture: Aperture,
    margin: tuple[int, int],
    work: Workers,
) -> tuple[np.ndarray, np.ndarray]:
    """The picture (H, W, C) through the lens, and the coverage (H, W) of what is nearer than focus."""
    stand = Stand(layer_step(coc.shape[1], "final"), FINENESS["final"])
    light, strands = unmixed(light, coc, work)
    lamps = taken_out(light, coc, stand.at, aperture, "final", margin, work)
    return _composite(light, coc, seen, strands, lamps, None, stand, aperture, "final", margin, work)


def _draft(
    light: np.ndarray,
    coc: np.ndarray,
    seen: Seen | None,
    aperture: Aperture,
    margin: tuple[int, int],
    work: Workers,
) -> tuple[np.ndarray, np.ndarray]:
    """As _final, made at half the size; what is in focus gets its detail back, if nothing nearer spreads over it."""
    height, width = coc.shape
    half = -(-height // 2), -(-width // 2)
    stand = Stand(layer_step(half[1], "draft"), FINENESS["draft"])
    lamps = taken_out(light, coc, lambda circle: stand.at(_less_halving(circle)), aperture, "draft", margin, work)
    small, small_coc = work.empty((*half, light.shape[2])), work.empty(half)
    parts = [(rows,) for rows in bands(height, width, 2)]
    work.each(partial(_halve, light, coc, small, small_coc), parts)
    around = margin[0] // 2, margin[1] // 2
    behind = seen and _halved_seen(seen)
    glow = None if lamps is None else work.empty((2 * half[0], 2 * half[1], light.shape[2]))
    if glow is not None:
        glow.fill(0)
    made, made_before = _composite(small, small_coc, behind, None, lamps, glow, stand, aperture, "draft", around, work)
    result, before = work.empty(light.shape), work.empty(coc.shape)
    parts = [(rows,) for rows in bands(height, width, 2, SHARPENED_PX)]
    work.each(partial(_sharpen_band, light, coc, small, made, made_before, glow, result, before), parts)
    return result, before


def _halve(light: np.ndarray, coc: np.ndarray, small: np.ndarray, small_coc: np.ndarray, rows: slice) -> None:
    """Write a band of a picture and its circles at half the size, less what halving blurs by itself.

    An odd picture's last pixels count twice.
    """
    own = slice(rows.start // 2, -(-rows.stop // 2))
    height, width = small_coc[own].shape
    over = 0, 2 * height - coc[rows].shape[0], 0, 2 * width - coc.shape[1]
    light, coc = light[rows], coc[rows]
    if any(over):
        light, coc = (cv2.copyMakeBorder(plane, *over, cv2.BORDER_REPLICATE) for plane in (light, coc))
    cv2.resize(light, (width, height), dst=small[own], interpolation=cv2.INTER_AREA)
    small_coc[own] = _less_halving(cv2.resize(coc, (width, height), interpolation=cv2.INTER_NEAREST))


def _less_halving(coc: np.ndarray) -> np.ndarray:
    """Circles, (h, w) px, in a picture of half the size, less what halving blurs by itself."""
    size = np.square(coc)
    size -= np.float32(HALVED_PX**2)
    size = cv2.sqrt(at_least_zero(size)).reshape(size.shape)
    size *= np.float32(0.5)
    return with_sign_of(coc, size)


def _halved_seen(seen: Seen) -> Seen:
    """A second layer at half the size; of what is known."""
    half = -(-seen.coc.shape[0] // 2), -(-seen.coc.shape[1] // 2)
    whole = slice(0, seen.coc.shape[0])
    weight = np.maximum(seen.known, np.float32(1e-6))
    light, coc = np.empty((*half, seen.light.shape[2]), np.float32), np.empty(half, np.float32)
    _halve(seen.light * weight[..., None], seen.coc, light, coc, whole)
    share = np.empty((*half, 1), np.float32)
    _halve(weight[..., None], seen.coc, share, coc, whole)
    known = seen.known[::2, ::2] > 0  # where its circle was taken
    return Seen(light / share, coc, known.astype(np.float32))


def _sharpen_band(
    light: np.ndarray,
    coc: np.ndarray,
    small: np.ndarray,
    half: np.ndarray,
    half_before: np.ndarray,
    glow: np.ndarray | None,
    result: np.ndarray,
    before: np.ndarray,
    rows: slice,
) -> None:
    """A band of a draft at full size, from what was made at half of it."""
    around = slice(max(rows.start // 2 - 1, 0), min(-(-rows.stop // 2) + 1, small.shape[0]))
    cut = slice(rows.start - 2 * around.start, rows.stop - 2 * around.start), slice(coc.shape[1])
    own, covered = (_doubled(plane[around])[cut] for plane in (half, half_before))
    before[rows] = covered = covered[..., 0]
    if glow is not None:
        own = own + glow[rows, : coc.shape[1]]
    x, y, wide, tall = cv2.boundingRect(cv2.inRange(coc[rows], -HALVED_PX, HALVED_PX))
    if tall:
        blunt = _doubled(small[around])[cut]
        here = slice(y, y + tall), slice(x, x + wide)
        _sharpened(own[here], blunt[here], light[rows][here], coc[rows][here], covered[here])
    result[rows] = own  # at once: two may do a band at the same time


def _sharpened(result: np.ndarray, blunt: np.ndarray, light: np.ndarray, coc: np.ndarray, before: np.ndarray) -> None:
    """Give pixels in focus their detail back, in place: what the full-size light has over its blunt copy."""
    channels = result.shape[2]
    light = light.reshape(result.shape)
    focus = np.clip(1 - np.square(coc) / np.float32(HALVED_PX**2), 0, 1)  # how far a pixel is in focus
    calm = focus * focus  # towards what is kept as it was, step by step
    focus *= 1 - before
    calm *= np.clip(1 - 20 * before, 0, 1)
    focus, calm = (cv2.merge([plane] * channels).reshape(result.shape) for plane in (focus, calm))
    darkest = cv2.min(result, light)  # beside a lamp the blunt picture is too bright
    cv2.accumulateProduct(cv2.subtract(light, blunt), focus, result)
    cv2.max(result, darkest, dst=result)
    cv2.accumulateProduct(cv2.subtract(light, result), calm, result)


def _doubled(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[0] * 2, picture.shape[1] * 2
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, -1)


@dataclass(frozen=True)
class _Tiles:
    """A picture (`light`) that is rendered tile by tile, into `result` (H, W, C) or with alpha, and `before` (H, W).

    lamps   what they bring is written to `glow`, (2 H, 2 W, C), where there is one, or added
    edge    height and width of a tile;  rim  pixels around it that are rendered with it
    margin  rows and columns on every side that lie outside the frame
    """

    light: np.ndarray
    levels: Sequence[Level]
    gaps: Gaps
    stand: Stand
    aperture: Aperture
    edge: tuple[int, int]
    rim: int
    margin: tuple[int, int]
    result: np.ndarray
    before: np.ndarray
    lamps: Lamps | None
    glow: np.ndarray | None

    def render(self, top: int, left: int) -> None:
        height, width = self.before.shape
        rim = self.rim
        bottom, right = min(top + self.edge[0], height), min(left + self.edge[1], width)
        rows, columns = slice(top, bottom), slice(left, right)
        place = top - rim, top + up_to(bottom - top, rim) + rim, left - rim, left + up_to(right - left, rim) + rim
        down, across = self.margin
        frame = height - 2 * down, width - 2 * across
        fields = _fields(frame, self.aperture, (top - down, left - across), self.edge, rim)
        fine, last = 1 if self.glow is None else 2, self.levels[-1].last
        glow = None if self.lamps is None else self.lamps.over(place, ((top, bottom), (left, right)), fine, last)
        done = render_tile(self.levels, self.gaps, place, Lit(self.stand, self.aperture, fields), glow)
        if done is None:
            _copied(self.light[rows, columns], self.result[rows, columns])
            self.before[rows, columns] = 0
            return
        total, before = done
        if glow is not None:
            glow.show_before(before)
        inner = slice(rim, rim + bottom - top), slice(rim, rim + right - left)
        total = total[:, inner[0], 2 * inner[1].start : 2 * inner[1].stop]
        self.before[rows, columns] = before[inner]
        picture = self.result[rows, columns]
        if glow is None:
            _picture(total, picture)
            return
        own = np.empty_like(picture)  # two may render a tile at once: what is added is added before it is written
        _picture(total, own)
        if self.glow is None:
            glow.add_to(own, (top, left))
        else:
            lit = np.zeros((2 * (bottom - top), 2 * (right - left), self.glow.shape[2]), np.float32)
            glow.add_to(lit, (2 * top, 2 * left))
            self.glow[2 * top : 2 * bottom, 2 * left : 2 * right] = lit
        picture[...] = own


def _composite(
    light: np.ndarray,
    coc: np.ndarray,
    seen: Seen | None,
    strands: Strands | None,
    lamps: Lamps | None,
    glow: np.ndarray | None,
    stand: Stand,
    aperture: Aperture,
    quality: str,
    margin: tuple[int, int],
    work: Workers,
) -> tuple[np.ndarray, np.ndarray]:
    """The picture through the lens, and the coverage of what is nearer than focus.

    glow: (2 H, 2 W, C), 0: what lamps add is written there; None if it is to be added at once.
    """
    height, width = coc.shape
    cell = 2 if width < 1400 else 4
    hidden = hidden_samples(light, coc, cell, work, seen)
    levels = levels_of(light, coc, hidden, strands, stand, aperture, quality, work)
    rim = max(level.scale for level in levels)
    gaps = gaps_of(levels, coc.shape, max(4 * cell, rim), stand, aperture, work)
    wanted = _tile_wanted(aperture, quality, rim)
    edge = _tile(height, wanted, rim), _tile(width, wanted, rim)
    channels = 4 if light.shape[2] == 3 and quality == "final" else light.shape[2]
    result, before = work.empty((height, width, channels)), work.empty(coc.shape)
    tiles = _Tiles(light, levels, gaps, stand, aperture, edge, rim, margin, result, before, lamps, glow)
    places = [(y, x) for y in range(0, height, edge[0]) for x in range(0, width, edge[1])]
    work.each(tiles.render, places)
    return result, before


def _tile_wanted(aperture: Aperture, quality: str, largest_scale: int) -> int:
    """Edge that tiles are to have, about, in pixels."""
    wanted = TILES_PX["field" if aperture.varies_over_field else quality]
    return min(wanted, TILES_OF_SMALL_BLUR_PX) if largest_scale <= 2 else wanted


def _tile(length: int, wanted: int, grid: int) -> int:
    """Edge of tiles that share a length out evenly."""
    return up_to(-(-length // -(-length // wanted)), grid)


def _fields(
    shape: tuple[int, int], aperture: Aperture, corner: tuple[int, int], tile: tuple[int, int], rim: int
) -> Callable[[tuple[int, int], tuple[int, int], int], dict[Field, np.ndarray]]:
    """The kernels of a tile: that of the centre, or those of its four corners, mixed bilinearly."""
    if not aperture.varies_over_field:
        return lambda rows, columns, scale: {CENTRE: np.ones((1, 1), np.float32)}
    half_diagonal = math.hypot(*shape) / 2
    y, x = ([(c + at - n / 2) / half_diagonal for at in (0, t)] for c, t, n in zip(corner, tile, shape, strict=True))

    def ramp(span: tuple[int, int], scale: int, length: int) -> np.ndarray:
        at = ((np.arange(*span, dtype=np.float32) + np.float32(0.5)) * scale - rim) / length
        return np.clip(at, 0, 1)

    def fields(rows: tuple[int, int], columns: tuple[int, int], scale: int) -> dict[Field, np.ndarray]:
        down, right = ramp(rows, scale, tile[0]), np.repeat(ramp(columns, scale, tile[1]), 2)
        return {
            _within_barrel(x[i], y[j]): np.outer(down if j else 1 - down, right if i else 1 - right)
            for j in (0, 1)
            for i in (0, 1)
        }

    return fields


def _within_barrel(x: float, y: float) -> Field:
    """A field position; beyond the picture's corner, where tiles hang over it, the barrel closes no further."""
    beyond = max(math.hypot(x, y), 1.0)
    return x / beyond, y / beyond


def _picture(total: np.ndarray, out: np.ndarray) -> None:
    """Write interleaved pairs of sums, divided by their coverage, as a picture (h, w, C) or with alpha, which is 1."""
    shape = total.shape[1], total.shape[2] // 2
    coverage = cv2.extractChannel(total[-1].reshape(*shape, 2), 1).reshape(shape)
    twice = double(np.clip(coverage, np.float32(1e-6), np.float32(np.inf), out=coverage))
    pairs = [cv2.divide(pair, twice) for pair in total]
    if out.shape[2] == 4 == 2 * len(pairs):  # two numbers are moved as if they were one
        cv2.mixChannels([pair.view(np.float64) for pair in pairs], [out.view(np.float64)], [0, 0, 1, 1])
    else:
        from_to = [n for channel in range(out.shape[2]) for n in (channel, channel)]
        cv2.mixChannels([pair.reshape(*shape, 2) for pair in pairs], [out], from_to)


def _drawn(coc: np.ndarray, limit_px: float) -> np.ndarray:
    """Circles as they are drawn: none is larger than the limit, and all are narrower by UNTOUCHED_PX, as variances are
    taken from each other, so that blur sets in without a jump. From 2 pixels on that is below a hundredth of one."""
    size = at_most(limit_px, np.abs(coc)).reshape(coc.shape)
    square = cv2.multiply(size, size, dst=size).reshape(coc.shape)
    square -= np.float32(UNTOUCHED_PX**2)
    return with_sign_of(coc, cv2.sqrt(at_least_zero(square)).reshape(coc.shape))


def _lit(colour: np.ndarray, coc: np.ndarray, highlights: Highlights, work: Workers) -> np.ndarray:
    """The picture with its clipped light given back where it is out of focus."""
    if highlights.gain == 0:
        return colour
    out = work.empty(colour.shape)
    work.each(partial(_lit_band, colour, coc, highlights, out), [(rows,) for rows in bands(*coc.shape)])
    return out


def _lit_band(colour: np.ndarray, coc: np.ndarray, highlights: Highlights, out: np.ndarray, rows: slice) -> None:
    ramp = np.clip(np.abs(coc[rows]), 0, 1)
    factor = 1 + (highlight_factor(colour[rows], highlights) - 1) * ramp
    lit = colour[rows].copy()
    lit[..., :3] *= factor[..., None]
    out[rows] = lit


def _check_behind(behind: Behind, shape: tuple[int, int]) -> None:
    for name, wanted in (("picture", [(*shape, 3), (*shape, 4)]), ("depth_m", [shape]), ("known", [shape])):
        own = getattr(behind, name)
        if not isinstance(own, np.ndarray) or own.shape not in wanted or own.dtype != np.float32:
            raise ValueError(f"behind.{name}: must be a float32 array of shape {wanted[0]}")
    where = behind.known > 0
    if not (np.isfinite(behind.picture[where]).all() and (behind.depth_m[where] > 0).all()):
        raise ValueError("behind: must be finite, with depth above 0, where it is known")


def _check(rgba: np.ndarray, depth_m: np.ndarray, quality: str, margin: tuple[int, int]) -> None:
    if not isinstance(rgba, np.ndarray) or rgba.ndim != 3 or rgba.shape[2] not in (3, 4) or rgba.dtype != np.float32:
        raise ValueError("rgba: must be a float32 array of shape (H, W, 3) or (H, W, 4)")
    if not isinstance(depth_m, np.ndarray) or depth_m.shape != rgba.shape[:2] or depth_m.dtype != np.float32:
        raise ValueError("depth_m: must be a float32 array of the picture's height and width")
    if rgba.size == 0:
        raise ValueError("rgba: must not be empty")
    if any(not 0 <= 2 * beyond < length for beyond, length in zip(margin, depth_m.shape, strict=True)):
        raise ValueError("margin: must be 0 or more, and leave something of the picture")
    if quality not in QUALITIES:
        raise ValueError(f"quality: must be one of {', '.join(QUALITIES)}")
