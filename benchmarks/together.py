# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that counts in one table: likeness to the true lens, a moving camera, depth that does not fit, a rack in
time, and speed, for the core and for all peers that can be run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from blender_rackfocus.core import Aperture, Behind, Lens, defocus_frame
from blender_rackfocus.core.fit import fitted
from blender_rackfocus.core.lens import coc_px
from blender_rackfocus.craft import uncover
from blender_rackfocus.craft.uncover import Neighbour, Sight

from . import bruteforce, cards, gegl, node
from .measure import compare, median_seconds, near_steps, srgb
from .shot import lens_for, still_life
from .unfit import UNFIT

Method = Callable[[np.ndarray, np.ndarray, Lens, Aperture], np.ndarray]
Row = dict[str, object]

FINAL, BEHIND, UNFITTED, DRAFT = "Rack Focus, final", "... and Look Behind", "... depth as it is", "Rack Focus, draft"
LAYERS, NODE, GEGL, UNTOUCHED = "plain layers, exact discs", "Blender's Defocus node", "GEGL's lens blur", "untouched"
CAMERA_M = (-0.08, -0.04, 0.04, 0.08)
COARSE_STEPS, FINE_STEPS = 12, 110
RADII_PX = (20, 40, 80)
FULL_SIZE, SMALL_SIZE = (1920, 1080), (480, 270)


def methods() -> dict[str, Method]:
    """What makes a picture (H, W, 3) float32 of a sharp one, its depth in metres, a lens and an opening."""
    out: dict[str, Method] = {
        FINAL: lambda rgb, depth_m, lens, opening: ours(rgb, depth_m, lens, opening),
        DRAFT: lambda rgb, depth_m, lens, opening: ours(rgb, depth_m, lens, opening, "draft"),
        LAYERS: bruteforce.defocus,
        NODE: lambda rgb, depth_m, lens, opening: node.defocus(rgb, depth_m, lens, widest_px(depth_m, lens))[0],
    }
    if gegl.there():
        out[GEGL] = lambda rgb, depth_m, lens, opening: gegl.defocus(rgb, depth_m, lens)[0]
    return {**out, UNTOUCHED: lambda rgb, depth_m, lens, opening: rgb}


def ours(
    rgb: np.ndarray,
    depth_m: np.ndarray,
    lens: Lens,
    opening: Aperture,
    quality: str = "final",
    behind: Behind | None = None,
) -> np.ndarray:
    """The core's picture."""
    rgba = np.dstack([rgb, np.ones_like(depth_m)])
    return defocus_frame(rgba, depth_m, lens, aperture=opening, quality=quality, behind=behind)[..., :3]


def widest_px(depth_m: np.ndarray, lens: Lens) -> float:
    """Radius of the largest circle, in pixels."""
    return float(np.abs(coc_px(depth_m, lens, depth_m.shape[1])).max())


def table(each: Sequence[Mapping], scenes: Sequence[str], folder: str, repeat: int, quick: bool) -> list[Row]:
    """One row for each method, with all figures; "" where one has no meaning or was not asked.

    each: rows of `accuracy`. scenes: .npz files with truth, whose depth is spoiled.
    """
    rows: dict[str, Row] = {name: {} for name in (FINAL, BEHIND, UNFITTED, DRAFT, *methods())}
    for name in methods():
        rows[name]["true lens, dB"] = float(np.mean([row["psnr_db"] for row in each if row["method"] == name]))
    for part in (moved(), unfitted(scenes), in_time(folder, quick), speed(repeat, quick)):
        for name, figures in part.items():
            rows[name].update(figures)
    heads = dict.fromkeys(head for row in rows.values() for head in row)
    return [{"method": name, **{head: row.get(head, "") for head in heads}} for name, row in rows.items()]


def moved() -> dict[str, Row]:
    """A camera that goes by cards in five frames, the middle one through the lens: dB in and out of focus in front."""
    world = cards.world()
    sights = {camera_m: Sight(*cards.pinhole(world, camera_m)) for camera_m in (0.0, *CAMERA_M)}
    here = sights[0.0]
    layer = seen_behind(here, [sights[camera_m] for camera_m in CAMERA_M], cards.LENS_MM / cards.SENSOR_MM)
    edges, opening = near_steps(here.depth_m), Aperture()
    out: dict[str, Row] = {}
    for head, focus_m in (("moving camera, front sharp, dB", 1.25), ("moving camera, front blurred, dB", 5.0)):
        lens, wanted = cards.lens_at(focus_m), cards.truth(world, focus_m)
        made = {name: run(here.picture, here.depth_m, lens, opening) for name, run in methods().items()}
        made[BEHIND] = ours(here.picture, here.depth_m, lens, opening, behind=layer)
        for name, picture in made.items():
            out.setdefault(name, {})[head] = compare(picture, wanted, 0.0, edges).psnr_db
    return out


def seen_behind(here: Sight, others: Sequence[Sight], focal: float) -> Behind | None:
    """What a sight hides, from others of its clip."""
    glance = uncover.glance(here)
    links = [(one, uncover.link(glance, uncover.glance(one), focal)) for one in others]
    return uncover.uncovered(here, [Neighbour(one, link) for one, link in links if link is not None])


def unfitted(scenes: Sequence[str]) -> dict[str, Row]:
    """Mean dB with spoiled depth, nearest and farthest focus of all scenes."""
    each: dict[str, dict[str, list[float]]] = {}
    for path in scenes:
        data = np.load(path)
        rgb, depth_m = data["rgb"].astype(np.float32), data["depth_m"]
        edges = near_steps(depth_m)
        for i in (0, len(data["focus_m"]) - 1):
            lens = Lens(*(float(data[k]) for k in ("focal_mm", "f_number", "sensor_mm")), float(data["focus_m"][i]))
            opening = Aperture(blades=int(data["blades"]), rotation_deg=float(data["rotation_deg"]))
            wanted, noise = data[f"truth_{i}"].astype(np.float32), float(data["noise_mse"][i])
            for kind, spoil in (("exact", np.copy), *UNFIT.items()):
                spoiled = spoil(depth_m)
                made = {name: run(rgb, spoiled, lens, opening) for name, run in methods().items() if name != UNTOUCHED}
                made[UNFITTED] = made[FINAL]
                fit_m, _ = fitted(rgb, spoiled)
                made |= {FINAL: ours(rgb, fit_m, lens, opening), DRAFT: ours(rgb, fit_m, lens, opening, "draft")}
                for name, picture in made.items():
                    figure = compare(picture, wanted, noise, edges).psnr_db
                    each.setdefault(name, {}).setdefault(f"depth {kind}, dB", []).append(figure)
    return {name: {kind: float(np.mean(one)) for kind, one in kinds.items()} for name, kinds in each.items()}


def in_time(folder: str, quick: bool) -> dict[str, Row]:
    """A rack over the cards: second difference, dB; energy of each fine step to the next, as ratios; and by how much a
    pixel's fine step is above truth's."""
    world = cards.world()
    rgb, depth_m = cards.pinhole(world)
    coarse, fine = (6, 12) if quick else (COARSE_STEPS, FINE_STEPS)
    true, true_fine = (cards.truths(world, steps, folder) for steps in (coarse, fine))
    out: dict[str, Row] = {}
    for name, run in methods().items():
        if name == UNTOUCHED:
            continue

        def frames(steps: int, run: Method = run) -> np.ndarray:
            lenses = [cards.lens_at(focus_m) for focus_m in cards.rack(steps)]
            return np.stack([srgb(run(rgb, depth_m, lens, Aperture())).astype(np.float32) for lens in lenses])

        figures: Row = {"second difference, dB": _db(np.diff(frames(coarse), 2, 0) - np.diff(true, 2, 0))}
        steps = np.diff(frames(fine), axis=0)
        energy = np.square(steps).mean((1, 2, 3))
        ratio = np.exp(np.abs(np.diff(np.log(energy))))
        figures["steps, most"], figures["steps, 95 %"] = float(ratio.max()), float(np.percentile(ratio, 95))
        figures["pixel over truth"] = float((np.abs(steps) - np.abs(np.diff(true_fine, axis=0))).max())
        out[name] = figures
    return out


def _db(error: np.ndarray) -> float:
    return -10 * float(np.log10(np.square(error).mean()))


def speed(repeat: int, quick: bool) -> dict[str, Row]:
    """Seconds of a frame at 1920 x 1080. Peers that gather around every pixel are timed on a small picture with the
    same largest radius: their time grows with the number of pixels alone."""
    full, small = still_life(*FULL_SIZE), still_life(*SMALL_SIZE)
    growth = full[1].size / small[1].size
    out: dict[str, Row] = {}
    for radius in RADII_PX[:1] if quick else RADII_PX:
        lens, small_lens = lens_for(full[1], radius), lens_for(small[1], radius)
        rgb, opening, head = small[0][..., :3], Aperture(), f"{radius} px, s"
        seconds = {
            FINAL: median_seconds(lambda: defocus_frame(*full, lens), repeat),  # noqa: B023
            DRAFT: median_seconds(lambda: defocus_frame(*full, lens, quality="draft"), repeat),  # noqa: B023
            LAYERS: median_seconds(lambda: bruteforce.defocus(rgb, small[1], small_lens, opening), 1) * growth,  # noqa: B023
            NODE: node.defocus(rgb, small[1], small_lens, radius)[1] * growth,
        }
        if gegl.there():
            seconds[GEGL] = gegl.defocus(full[0][..., :3], full[1], lens)[1]
        for name, taken in seconds.items():
            out.setdefault(name, {})[head] = taken
    out[BEHIND] = {f"{RADII_PX[0]} px, s": out[FINAL][f"{RADII_PX[0]} px, s"] + median_seconds(_look_behind(), repeat)}
    return out


def _look_behind() -> Callable[[], object]:
    """What the hidden layer takes for a frame of a clip at 1920 x 1080: its own look, links, search, and the lens."""
    world = cards.world()

    def large(camera_m: float) -> Sight:
        rgb, depth_m = cards.pinhole(world, camera_m)
        picture = np.maximum(cv2.resize(rgb, FULL_SIZE, interpolation=cv2.INTER_CUBIC), 0)
        return Sight(picture, cv2.resize(depth_m, FULL_SIZE, interpolation=cv2.INTER_NEAREST))

    here, others = large(0.0), [large(camera_m) for camera_m in CAMERA_M]
    glances = [uncover.glance(one) for one in others]  # theirs were made when it was their turn

    def job() -> Behind | None:
        glance = uncover.glance(here)
        links = [uncover.link(glance, one, cards.LENS_MM / cards.SENSOR_MM) for one in glances]
        found = [Neighbour(one, link) for one, link in zip(others, links, strict=True) if link is not None]
        return uncover.uncovered(here, found)

    return job
