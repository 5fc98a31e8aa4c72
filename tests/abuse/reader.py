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


def read_media(path: str) -> bool:
    """As depth, as picture, and the last frame of a movie; whether there was a picture."""
    try:
        media.read_raw_depth(path)
    except media.MediaError as error:
        _worded(error)
    try:
        if not media.is_movie(path):
            return media.read_frame(path).size > 0
        movie = media.movies.open_movie(path)
        if movie.read(movie.frame_count - 1).shape[1::-1] != tuple(movie.size):
            raise ValueError("a picture of another size than the movie's")
    except media.MediaError as error:
        _worded(error)
        return False
    finally:
        media.movies.close_movies()
    return True


def run_network(path: str) -> bool:
    """Load a network and run it on a picture; whether it did."""
    picture = np.random.default_rng(1).random((90, 160, 4), np.float32)
    try:
        return load_network(NetworkSettings(path)).run(picture).size > 0
    except EstimateError as error:
        _worded(error)
        return False


def _worded(error: Exception) -> None:
    if len(str(error)) < 10:
        raise ValueError(f"an error without words: {error!r}") from error


def main() -> None:
    """One line for each file: ok, refused in words, or what it was that should not have come."""
    warnings.simplefilter("ignore")
    read = {"media": read_media, "network": run_network}[sys.argv[1]]
    for line in sys.stdin:
        try:
            told = "ok" if read(line.rstrip("\n")) else "refused"
        except Exception as error:
            traceback.print_exc()
            told = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"\x02{told}", flush=True)


if __name__ == "__main__":
    main()
