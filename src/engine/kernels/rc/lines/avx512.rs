//! RC modules of lines by AVX-512: 64 pixels of a vector, four taps an instruction, all modules with pixels once loaded.

use std::{arch::x86_64::*, cmp::Reverse, collections::BTreeMap};

use super::{Convolution, MOST_TAPS, Squash, Window};
use crate::engine::{
    kernels::{
        LANES,
        avx512::{load, load_lane, store},
        padded_width,
    },
    model::Offset,
};

/// Most modules that are made together: as many as there are registers for their sums.
const MOST_MODULES: usize = 3;
/// Most runs of taps that windows have together.
const MAX_RUNS: usize = MOST_TAPS.pow(2) / 4;

/// Modules that are made together, those of larger windows first.
pub struct Lines {
    members: Vec<Member>,
    rotations: [Rotation; 4],
}

/// A module.
struct Member {
    /// Which of the modules it is.
    number: usize,
    /// What the sums of its taps start with, counted from the squash's first.
    start: i32,
    squash: Squash,
}

/// What the modules read in a rotation.
struct Rotation {
    /// Those that most modules have taps in come first.
    runs: Vec<Run>,
    /// For each number of modules from 1 on, in how many runs as many or more have taps.
    shared: [usize; MOST_MODULES],
}

/// Four neighbouring taps of a row, as [`super::Run`] has them, of each module.
struct Run {
    offset: Offset,
    even: [i32; MOST_MODULES],
    odd: [i32; MOST_MODULES],
}

impl Lines {
    /// If they are not too many, the contributions are lines, and the squashes are for vectors.
    pub fn new(modules: &[(Window, &[i32])]) -> Option<Self> {
        if modules.len() > MOST_MODULES {
            return None;
        }
        let mut members = Vec::new();
        let mut convolutions = Vec::new();
        let mut in_order: Vec<_> = modules.iter().enumerate().collect();
        in_order.sort_by_key(|(_, (window, _))| Reverse(window.size()));
        for (number, (window, thresholds)) in in_order {
            let convolution = Convolution::<4>::new(window)?;
            let squash = Squash::new(thresholds, window.reach())?;
            members.push(Member {
                number,
                start: convolution.constant - squash.first,
                squash,
            });
            convolutions.push(convolution);
        }
        let rotations = [0, 1, 2, 3].map(|rotation| Rotation::new(&convolutions, rotation));
        let fits = rotations.iter().all(|own| own.runs.len() <= MAX_RUNS);
        fits.then_some(Self { members, rotations })
    }

    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Makes `width` pixels of four rows of output for each module, `stride` samples apart.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn make<'a>(
        &self,
        input: impl Fn(Offset) -> &'a [u8],
        width: usize,
        output: &mut [u8],
        stride: usize,
    ) {
        for (number, rotation) in self.rotations.iter().enumerate() {
            let mut rows: [&[u8]; MAX_RUNS] = [&[]; MAX_RUNS];
            for (row, run) in rows.iter_mut().zip(&rotation.runs) {
                *row = input(run.offset);
            }
            let output = &mut output[number * stride..];
            match self.members.as_slice() {
                [a] => row::<1, 4>([a], rotation, &rows, width, output, stride),
                [a, b] => row::<2, 2>([a, b], rotation, &rows, width, output, stride),
                [a, b, c] => row::<3, 2>([a, b, c], rotation, &rows, width, output, stride),
                members => unreachable!("{} modules of lines", members.len()),
            }
        }
    }
}

impl Rotation {
    fn new(convolutions: &[Convolution<4>], rotation: usize) -> Self {
        let mut taps = BTreeMap::new();
        for (member, convolution) in convolutions.iter().enumerate() {
            for run in &convolution.runs[rotation] {
                let taps: &mut [_; MOST_MODULES] = taps.entry(run.offset).or_default();
                taps[member] = Some((run.even, run.odd));
            }
        }
        let word = |slopes: [i8; 4]| i32::from_le_bytes(slopes.map(i8::cast_unsigned));
        let mut runs: Vec<_> = taps.into_iter().collect();
        let modules = |taps: &[Option<_>]| 1 + taps.iter().rposition(Option::is_some).unwrap_or(0);
        runs.sort_by_key(|(_, taps)| Reverse(modules(taps)));
        let shared =
            [1, 2, 3].map(|count| runs.partition_point(|(_, taps)| modules(taps) >= count));
        let runs = runs.into_iter().map(|(offset, taps)| Run {
            offset,
            even: taps.map(|taps| taps.map_or(0, |(even, _)| word(even))),
            odd: taps.map(|taps| taps.map_or(0, |(_, odd)| word(odd))),
        });
        Self {
            runs: runs.collect(),
            shared,
        }
    }
}

/// Makes `width` pixels of one rotation, from the rows of its runs. The more vectors are made at once, the more use is made
/// of slopes once loaded.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn row<const MODULES: usize, const VECTORS: usize>(
    members: [&Member; MODULES],
    rotation: &Rotation,
    rows: &[&[u8]; MAX_RUNS],
    width: usize,
    output: &mut [u8],
    stride: usize,
) {
    let (mut x, end) = (0, padded_width(width));
    while x + VECTORS * LANES <= end {
        pixels::<MODULES, VECTORS>(members, rotation, rows, x, output, stride);
        x += VECTORS * LANES;
    }
    while x < end {
        pixels::<MODULES, 1>(members, rotation, rows, x, output, stride);
        x += LANES;
    }
}

/// Makes as many vectors of pixels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn pixels<const MODULES: usize, const VECTORS: usize>(
    members: [&Member; MODULES],
    rotation: &Rotation,
    rows: &[&[u8]; MAX_RUNS],
    x: usize,
    output: &mut [u8],
    stride: usize,
) {
    let mut sums = members.map(|member| [[_mm512_set1_epi32(member.start); 4]; VECTORS]);
    let runs = |more: usize, count: usize| {
        let runs = more..rotation.shared[count - 1];
        rotation.runs[runs.clone()].iter().zip(&rows[runs])
    };
    let [_, two, three] = rotation.shared;
    if MODULES > 2 {
        add::<3, _, _>(runs(0, 3), x, &mut sums);
    }
    if MODULES > 1 {
        add::<2, _, _>(runs(three, 2), x, &mut sums);
    }
    add::<1, _, _>(runs(two, 1), x, &mut sums);
    // In each lane of 128 bits levels come out as two of `a`, two of `b`, ..., pair by pair of `a` and `b`, then of `c` and `d`.
    let places = [0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15];
    let in_order = _mm512_broadcast_i32x4(load_lane(&places));
    for (member, sums) in members.into_iter().zip(sums) {
        let row = &mut output[4 * member.number * stride + x..];
        for (number, [a, b, c, d]) in sums.into_iter().enumerate() {
            let pairs = [_mm512_packus_epi32(a, c), _mm512_packus_epi32(b, d)];
            let levels = _mm512_shuffle_epi8(member.squash.levels(pairs), in_order);
            store(row, number * LANES, levels);
        }
    }
}

/// Adds the taps of some runs to the sums of the first `COUNT` modules.
///
/// Vector `k` of four holds the sums of pixels `4 i + k`: then 64 bytes of a row are taps of all of them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn add<'a, const COUNT: usize, const MODULES: usize, const VECTORS: usize>(
    runs: impl Iterator<Item = (&'a Run, &'a &'a [u8])>,
    x: usize,
    sums: &mut [[[__m512i; 4]; VECTORS]; MODULES],
) {
    for (run, row) in runs {
        let row = &row[x..][..VECTORS * LANES + 2];
        for number in 0..VECTORS {
            let taps = [0, 2].map(|shift| load(row, number * LANES + shift));
            for (module, sums) in sums.iter_mut().enumerate().take(COUNT) {
                let [a, b, c, d] = &mut sums[number];
                let even = _mm512_set1_epi32(run.even[module]);
                let odd = _mm512_set1_epi32(run.odd[module]);
                *a = _mm512_dpbusd_epi32(*a, taps[0], even);
                *b = _mm512_dpbusd_epi32(*b, taps[0], odd);
                *c = _mm512_dpbusd_epi32(*c, taps[1], even);
                *d = _mm512_dpbusd_epi32(*d, taps[1], odd);
            }
        }
    }
}
