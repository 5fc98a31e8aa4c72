# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets are lenses that exist and that our own thin lens accepts."""

import pytest

from blender_rackfocus.core.lens import Lens, coc_px
from blender_rackfocus.craft.lenses import (
    LENSES,
    SENSORS,
    nearest_preset,
    nearest_sensor,
    t_stop_f_number,
)


@pytest.mark.parametrize("key", LENSES)
def test_every_preset_is_a_lens_that_focuses(key):
    preset = LENSES[key]
    lens = Lens(preset.focal_mm, preset.f_number, SENSORS["FULL_FRAME"].width_mm, preset.nearest_m)
    assert coc_px(preset.nearest_m, lens, 1920) == pytest.approx(0, abs=1e-3)
    assert coc_px(1000.0, lens, 1920) > 5, "a wide open lens at its closest blurs the background"
    assert f"{preset.focal_mm:g} mm" in preset.label
    assert preset.explanation
    assert nearest_preset(preset.focal_mm, preset.f_number, preset.squeeze) == key


def test_the_lenses_everyone_asks_for_are_there():
    have = {(p.focal_mm, p.f_number) for p in LENSES.values()}
    assert {(35, 1.4), (50, 1.8), (85, 1.4), (100, 2.8)} <= have
    assert any(p.squeeze == 2 and p.focal_mm == 40 for p in LENSES.values())
    assert nearest_preset(51.5, 1.8) is None


def test_formats_are_sorted_out_by_width():
    assert SENSORS["FULL_FRAME"].width_mm == 36
    assert nearest_sensor(36.0) == "FULL_FRAME"
    assert nearest_sensor(33.3) is None
    assert all(4 < s.width_mm < 80 and s.explanation for s in SENSORS.values())
    assert len({s.label for s in SENSORS.values()}) == len(SENSORS)


def test_t_stop():
    assert t_stop_f_number(2.0) == pytest.approx(2 * 0.9**0.5)
    with pytest.raises(ValueError, match="t_stop"):
        t_stop_f_number(0)
