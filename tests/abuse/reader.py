# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that reads the files named on its standard input and says of each what came of it: it may well die of one.

`python -m tests.abuse.reader media` or `network`.
"""

from __future__ import annotations

import sys
import traceback
import warnings

import numpy as np

from blender_rackfocus import media
from blender_rackfocus.estimate import EstimateError, NetworkSettings, load_network


def read_media(path: str) -> None:
    """As picture, as depth, and the last frame of a movie."""
    for read in (media.read_frame, media.read_raw_depth):
        try:
            read(path)
        except media.MediaError as error:
            _worded(error)
    if media.is_movie(path):
        try:
            movie = media.movies.open_movie(path)
            picture = movie.read(movie.frame_count - 1)
            assert picture.shape[1::-1] == tuple(movie.size)
        except media.MediaError as error:
            _worded(error)
        finally:
            media.movies.close_movies()


def _worded(error: Exception) -> None:
    if len(str(error)) < 10:
        raise ValueError(f"an error without words: {error!r}") from error


def run_network(path: str) -> None:
    """Load a network and run it on a picture."""
    picture = np.random.default_rng(1).random((90, 160, 4), np.float32)
    try:
        load_network(NetworkSettings(path)).run(picture)
    except EstimateError as error:
        _worded(error)


def main() -> None:
    """One line for each file: ok, or what it was that should not have come."""
    warnings.simplefilter("ignore")
    read = {"media": read_media, "network": run_network}[sys.argv[1]]
    for line in sys.stdin:
        try:
            read(line.rstrip("\n"))
            told = "ok"
        except Exception as error:
            traceback.print_exc()
            told = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"\x02{told}", flush=True)


if __name__ == "__main__":
    main()
