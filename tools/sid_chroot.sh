#!/usr/bin/env bash
# A Debian sid root with a real Blender 5.2 in it, made once and kept in the cache folder.
# Prints its path. Exit 3 and one line on standard error where it cannot be had.
set -euo pipefail

PACKAGES="blender python3-numpy python3-cattr python3-requests python3-openimageio python3-pytest python3-pip xvfb xauth libgl1-mesa-dri libegl1
  libegl-mesa0 imagemagick ca-certificates"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/blender-rackfocus"
STAMP="$(printf '%s' "$PACKAGES" | sha256sum | cut -c1-12)"
ROOT="${RACKFOCUS_CHROOT:-$CACHE/sid-$STAMP}"
LOG="$CACHE/sid.log"

cannot() { echo "$1" >&2; exit 3; }

[ "$(id -u)" = 0 ] || cannot "a chroot needs root"
if [ -x "$ROOT/usr/bin/blender" ]; then echo "$ROOT"; exit 0; fi
[ -z "${RACKFOCUS_CHROOT:-}" ] || cannot "RACKFOCUS_CHROOT has no blender in it"
mkdir -p "$CACHE"
: >"$LOG"
if ! command -v debootstrap >/dev/null; then
  command -v apt-get >/dev/null || cannot "neither debootstrap nor apt-get is here"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends debootstrap; } \
    >>"$LOG" 2>&1 </dev/null || cannot "debootstrap cannot be installed ($LOG)"
fi

PART="$ROOT.part"
rm -rf --one-file-system "$PART"
echo "making a Debian sid root with Blender (two minutes, 1.8 GB, once)" >&2
timeout 1200 debootstrap --variant=minbase sid "$PART" >>"$LOG" 2>&1 </dev/null \
  || { rm -rf --one-file-system "$PART"; cannot "debootstrap failed ($LOG): $(tail -1 "$LOG")"; }
# A mirror's Release file may be a little past its date; a proxy and its certificates are the machine's own affair.
echo 'Acquire::Check-Valid-Until "false";' >"$PART/etc/apt/apt.conf.d/99rackfocus"
for proxy in /etc/apt/apt.conf /etc/apt/apt.conf.d/*proxy*; do
  if [ -f "$proxy" ]; then cp "$proxy" "$PART/etc/apt/apt.conf.d/98$(basename "$proxy" .conf).conf"; fi
done
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || {
  mkdir -p "$PART/etc/ssl/certs"; cp /etc/ssl/certs/ca-certificates.crt "$PART/etc/ssl/certs/"; }
cp -L /etc/resolv.conf "$PART/etc/resolv.conf" 2>/dev/null || true
# Services of packages must not start in a chroot.
printf '#!/bin/sh\nexit 101\n' >"$PART/usr/sbin/policy-rc.d"; chmod +x "$PART/usr/sbin/policy-rc.d"
# shellcheck disable=SC2086
timeout 1800 chroot "$PART" sh -c "apt-get update && DEBIAN_FRONTEND=noninteractive \
  apt-get install -y --no-install-recommends $(echo $PACKAGES)" >>"$LOG" 2>&1 </dev/null \
  || { rm -rf --one-file-system "$PART"; cannot "Blender cannot be installed in the chroot ($LOG): $(tail -1 "$LOG")"; }
rm -rf "$PART/var/cache/apt/archives"/*.deb
mv "$PART" "$ROOT"
echo "$ROOT"
