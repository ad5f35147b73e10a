#!/usr/bin/env bash
# Puts photographs of Debian's wallpaper packages beside those of a folder, for models that profit from more of them.
#
#   scripts/debian_photos.sh PHOTOS OUT
#
# OUT gets a link to each WebP of PHOTOS and, named zz_*, 57 photographs of free licences (each package's copyright file says
# which), at most 1500 pixels a side. Wants apt, dpkg and ffmpeg.
set -euo pipefail
photos=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
packages=(plasma-workspace-wallpapers mate-backgrounds lxqt-themes lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 palapeli-data budgie-core)
# Photographs among drawings.
chosen='backgrounds/[A-Za-z0-9_-]*by[^/]*\.jpg|backgrounds/Picture|mate/nature|Elephants\.jpg'
chosen+='|lxqt/wallpapers/(Butterfly-K|Valendas|after|appleflower|beam|butterfly|cloud|drop|flowers|fog|this-is)|palapeli/collection'
chosen+='|wallpapers/(Autumn|BytheWater|ColorfulCups|FallenLeaf|EveningGlow|Grey|Kite|OneStandsOut|Path|ColdRipple)/'

ln -sf "$photos"/*.webp "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get download "${packages[@]}")
for package in "$work"/*.deb; do
    dpkg -x "$package" "$work/files"
done
cd "$work/files/usr/share"
find . -type f -regextype egrep -iregex '.*\.(jpe?g|png|webp)' -printf '%P\n' | grep -E "$chosen" | grep -vE 'Painting|screenshot' | sort |
    while read -r file; do
        name=${file//\//_}
        ffmpeg -v error -y -i "$file" -frames:v 1 -vf "scale='min(1500,iw)':'min(1500,ih)':force_original_aspect_ratio=decrease:flags=bicubic" \
            "$out/zz_${name%.*}.png" </dev/null
    done
