#!/usr/bin/env bash
# Grows every model of luts/ anew, as its card says, to target/models/: an hour or two on two cores.
#
#   scripts/models.sh [PHOTOS [MODEL...]]
set -euo pipefail
cd "$(dirname "$0")/.."

photos=${1:-../shared/data/train}
wanted=" ${*:2} "
out=target/models
trainer=target/release/rclut-trainer
cargo build --release -p rclut-trainer
mkdir -p "$out"

# Whether a model is asked for.
wants() {
    [[ $wanted == "  " || $wanted == *" $1 "* ]]
}

# NAME GRAPH STEPS [OPTION...]; the name ends with the scale.
grow() {
    local name=$1 graph=$2 steps=$3
    wants "$name" || return 0
    "$trainer" grow --graph "$graph" --scale "${name##*-x}" --data "${data:-$photos}" --total-iter "$steps" --threads 2 --save-step 500 \
        --licence CC-BY-SA-4.0 --name "$name" -o "$out/$name.safetensors" "${@:4}"
}

# The same from more photographs.
grow_from_more() {
    wants "$1" || return 0
    if [[ ! -d $out/photos ]]; then
        scripts/debian_photos.sh "$photos" "$out/photos.partial"
        mv "$out/photos.partial" "$out/photos"
    fi
    data=$out/photos grow "$@"
}

# The same from small photographs that are clean, compressed as frames of films, and noisy. What is named twice is seen twice
# as often. NAME GRAPH STEPS CODEC...
video() {
    local name=$1 graph=$2 steps=$3 scale=${1##*-x}
    wants "$name" || return 0
    local codecs=("${@:4}") lows=(--lr "$out/small/X$scale") codec once
    once=$(printf '%s\n' "${codecs[@]}" | sort -u | paste -sd,)
    [[ -d $out/small/X$scale ]] ||
        "$trainer" prepare --hr "$photos" --lr "$out/small" --scale "$scale" --halves --codec "$once"
    for codec in "${codecs[@]}"; do
        lows+=(--lr "$out/small/X${scale}_${codec/:/-}")
    done
    grow "$name" "$graph" "$steps" "${lows[@]}"
}

three="s 7 ; d@0 5@0 ; y@0 3@0 ; s@1 s@2 s@3"
five="$three s@0 5@1"
seven="$three s@0 d@0 d@1 5@1"

grow srlut-x2 srlut 4000
grow srlut-x3 srlut 4000
grow srlut-x4 srlut 4000
grow_from_more mulut-x2 mulut 8000
grow_from_more mulut-x3 mulut 8000
grow_from_more mulut-x4 mulut 12000
grow_from_more rclut-paper-x2 rclut 8000
grow_from_more rclut-paper-x3 rclut 8000
grow_from_more rclut-paper-x4 rclut 20000
grow_from_more rclut-x2 "$five" 12000
grow_from_more rclut-x3 "$seven" 12000
grow_from_more rclut-x4 "$five" 30000
video rclut-video-x2 "$five" 18000 x264:23 x264:23 x264:28 x264:28 x264:28 noise:4
video rclut-video-x4 "$five" 16000 x264:23 x264:23 x264:23 x264:28 x264:28 noise:4
