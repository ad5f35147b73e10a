#!/bin/sh
# How models do on compressed video: each clip is shrunk, encoded by x264 and decoded, upscaled and compared with itself.
#
#   scripts/measure_video.sh SCALE MODEL... -- CLIP...
#
# Prints the mean PSNR-Y of each clip, encoder setting and model, with bicubic beside it. FRAMES (16) of each clip are
# taken, from its start; CRFS ("23 28") are the encoder's constant rate factors. Wants ffmpeg and target/release/rclut-trainer.
set -eu

trainer=${TRAINER:-target/release/rclut-trainer}
scale=$1
shift
models=
while [ "$1" != -- ]; do
    models="$models $1"
    shift
done
shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Between RGB and 4:2:0 by exact sums: what ffmpeg does otherwise makes a picture more than a level darker.
exact="-sws_flags accurate_rnd+full_chroma_int+full_chroma_inp"

# The small frames, through the encoder as a video and back to images of the same names.
encode() {
    # shellcheck disable=SC2086  # two words
    ffmpeg -v error -y -framerate 25 -i "$work/small/X$scale/%03d.png" $exact \
        -c:v libx264 -crf "$1" -pix_fmt yuv420p "$work/coded.mp4"
    mkdir -p "$work/coded"
    # shellcheck disable=SC2086
    ffmpeg -v error -y -i "$work/coded.mp4" $exact "$work/coded/%03d.png"
}

echo "clip, CRF, model: PSNR-Y, bicubic's"
for clip in "$@"; do
    rm -rf "$work/large" "$work/small"
    mkdir "$work/large"
    # Sides whose small versions 4:2:0 can halve.
    even=$((2 * scale))
    # shellcheck disable=SC2086
    ffmpeg -v error -i "$clip" $exact -frames:v "${FRAMES:-16}" \
        -vf "crop=trunc(iw/$even)*$even:trunc(ih/$even)*$even" "$work/large/%03d.png"
    "$trainer" prepare --hr "$work/large" --lr "$work/small" --scale "$scale" >/dev/null
    for crf in ${CRFS:-23 28}; do
        rm -rf "$work/coded"
        encode "$crf"
        for model in $models; do
            "$trainer" test --model "$model" --scale "$scale" --hr "$work/large" --lr "$work/coded" |
                awk -v what="$(basename "$clip"), $crf, $(basename "$model")" '$1 == "mean" { print what ": " $2 ", " $4 }'
        done
    done
done
