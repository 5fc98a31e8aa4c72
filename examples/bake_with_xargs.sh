#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Bake a .blend's racked frames with several processes on one machine, and make a copy of it read them.
# usage: bake_with_xargs.sh SHOT.blend FIRST LAST [CHUNK] [PROCESSES]
# BAKE is how the extension is called; with the bpy module: BAKE="python -m blender_rackfocus bake"
set -eu

blend=$1 first=$2 last=$3 chunk=${4:-25} processes=${5:-2}
bake=${BAKE:-blender --command rackfocus bake}

# One line for each task: its first and last frame. xargs ends with a status that is not 0 when a task does.
seq "$first" "$chunk" "$last" | while read -r from; do
    to=$((from + chunk - 1))
    echo "$from-$((to < last ? to : last))"
done | xargs -P "$processes" -I RANGE $bake "$blend" --frames RANGE --threads 1 --json

$bake "$blend" --frames "$first-$last" --link --save "${blend%.blend}_baked.blend"
