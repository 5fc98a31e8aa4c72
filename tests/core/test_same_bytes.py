# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame is the same to the last bit whenever it is made, whichever of its parts is done first on whichever core."""

from concurrent.futures import Future

import numpy as np
import pytest
from helped import helped

from blender_rackfocus.core import Aperture, Lens, defocus_frame
from blender_rackfocus.core.crew import workers


class _InOrder:
    """A pool that does jobs one by one: as they came, or the last first."""

    backwards = False

    def __init__(self, _count):
        self._waiting = []

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def submit(self, job, *arguments):
        done = Future()
        done.result = lambda: self._all_done() or Future.result(done)
        self._waiting.append((done, job, arguments))
        return done

    def _all_done(self):
        for done, job, arguments in self._waiting[:: -1 if self.backwards else 1]:
            done.set_result(job(*arguments))
        self._waiting.clear()


@pytest.mark.parametrize("quality", ["final", "draft"])
@pytest.mark.parametrize("aperture", [Aperture(), Aperture(blades=6, cats_eye=0.5)], ids=["circle", "cat's eye"])
def test_the_order_of_work_changes_nothing(monkeypatch, aperture, quality):
    rng = np.random.default_rng(3)
    rgba = np.dstack([rng.random((360, 480, 3), np.float32), np.ones((360, 480), np.float32)])
    depth_m = 1 / rng.uniform(0.1, 1.2, (360, 480)).astype(np.float32)  # layers of every kind meet everywhere
    lens = Lens(focal_mm=120.0, f_number=1.4, sensor_mm=36.0, focus_m=1.5)
    made = []
    for _ in range(2):
        made.append(defocus_frame(rgba, depth_m, lens, aperture=aperture, quality=quality))
    with helped() as crew:
        ask, asked = crew.helpers[0].ask, []
        monkeypatch.setattr(crew.helpers[0], "ask", lambda message: (asked.append(message), ask(message)))
        made.append(defocus_frame(rgba, depth_m, lens, aperture=aperture, quality=quality))
    assert asked  # it took part
    monkeypatch.setattr(workers, "ThreadPoolExecutor", _InOrder)
    for _InOrder.backwards in (False, True):
        made.append(defocus_frame(rgba, depth_m, lens, aperture=aperture, quality=quality))
    for other in made[1:]:
        np.testing.assert_array_equal(other, made[0])
