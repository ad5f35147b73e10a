//! Which rows of [`Quads`] a block of 64 look-ups reads: the simplexes of axes a and b, and the weights of axes c and d
//! (ARITHMETIC section 1: of the closed form's corners those with weight lie at three vertices of axes a and b).
//!
//! As for [`corners`](super::corners), a block's are found between the look-ups of the block before.

use std::arch::x86_64::*;

use super::corners::{cell_offsets, interleave};
use crate::engine::kernels::{LANES, avx512::load, simplex::layout::Quads};

/// Bytes from the row of a node along axis b to that of the next.
const NODE: usize = 256 * size_of::<Quads>();
/// Bytes from the row of the first vertex along axes a and b to that of the third: 17 nodes on along a, one along b.
const BOTH: usize = 18 * NODE;

/// The look-ups of pixels `16 l + 4 q + t` of a block, for one `q`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Quarter {
    /// For each half of the `t`s, for each `l`, for each `t` of the half: where the rows of the first two vertices along
    /// axes a and b lie, in bytes. One load of both is cheaper than two.
    rows: [[[[u32; 2]; 2]; 4]; 2],
    /// For each vertex, for each `l`, for each `t`: the weights of the four corners of axes c and d.
    weights: [[[i32; 4]; 4]; 3],
}

const NOTHING: [Quarter; 4] = [Quarter {
    rows: [[[[0; 2]; 2]; 4]; 2],
    weights: [[[0; 4]; 4]; 3],
}; 4];

impl Quarter {
    /// The rows of a pixel's three vertices, and the weights of each row's corners.
    ///
    /// # Safety
    /// The table must have all its `17^2 * 16^2` rows.
    #[inline(always)]
    pub unsafe fn vertices<'a>(
        &self,
        rows: &'a [Quads],
        l: usize,
        t: usize,
    ) -> [(&'a Quads, i32); 3] {
        let [first, second] = self.rows[t / 2][l][t % 2].map(|row| row as usize);
        let vertex = |offset: usize, number: usize| {
            // SAFETY: then the three vertices of a cell of 16^4 cells are rows of it.
            let row = unsafe { &*rows.as_ptr().byte_add(offset) };
            (row, self.weights[number][l][t])
        };
        [vertex(first, 0), vertex(second, 1), vertex(first + BOTH, 2)]
    }
}

/// What a block reads, on its way.
pub struct Finder<'a> {
    /// Steps taken.
    taken: usize,
    /// For each vertex along axes a and b, the least fraction that belongs to it; then none.
    along: [__m512i; 4],
    /// By which of axes c and d belong to a corner, the least fraction that does and the greatest that does not.
    cd: [(__m512i, __m512i); 4],
    samples: [__m512i; 4],
    quarters: &'a mut [Quarter; 4],
}

/// Steps until what a block reads is found.
const STEPS: usize = 4;

impl<'a> Finder<'a> {
    /// Starts with the block at `x`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn new(inputs: &[&[u8]; 4], x: usize, quarters: &'a mut [Quarter; 4]) -> Self {
        let samples = inputs.map(|row| load(row, x));
        let [a, b, c, d] = samples.map(|samples| _mm512_and_si512(samples, _mm512_set1_epi8(15)));
        let (q, zero) = (_mm512_set1_epi8(16), _mm512_setzero_si512());
        let (least_cd, greatest_cd) = (_mm512_min_epu8(c, d), _mm512_max_epu8(c, d));
        Self {
            taken: 0,
            along: [q, _mm512_max_epu8(a, b), _mm512_min_epu8(a, b), zero],
            cd: [(q, greatest_cd), (d, c), (c, d), (least_cd, zero)],
            samples,
            quarters,
        }
    }

    /// Takes the step that is due before the look-ups of quarter `q` of a lane, if any is: where the `N` inputs share the
    /// lanes of a block, as many steps a lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn advance<const N: usize>(&mut self, q: usize) {
        let steps = N.next_power_of_two();
        if steps * q / 4 < steps * (q + 1) / 4 && self.taken < STEPS {
            self.step();
        }
    }

    /// Takes the next of [`STEPS`] steps: the weights of a vertex's corners, and after those the rows.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn step(&mut self) {
        match self.taken {
            vertex @ 0..3 => self.weights(vertex),
            _ => self.rows(),
        }
        self.taken += 1;
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn weights(&mut self, vertex: usize) {
        let (above, below) = (self.along[vertex], self.along[vertex + 1]);
        let weight = |corner: usize| {
            let (least, greatest) = self.cd[corner];
            let least = _mm512_min_epu8(above, least);
            _mm512_subs_epu8(least, _mm512_max_epu8(below, greatest))
        };
        let weights = interleave([weight(0), weight(1), weight(2), weight(3)]);
        for (quarter, weights) in self.quarters.iter_mut().zip(weights) {
            // SAFETY: any bits make numbers.
            quarter.weights[vertex] =
                unsafe { std::mem::transmute::<__m512i, [[i32; 4]; 4]>(weights) };
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn rows(&mut self) {
        let zero = _mm512_setzero_si512();
        let [a, b, ..] = self.samples;
        let [a, b] = [a, b].map(|samples| _mm512_and_si512(samples, _mm512_set1_epi8(15)));
        // One node on along the axis with the greater fraction: by 17 nodes or by one.
        let (one, seventeen) = (_mm512_set1_epi8(1), _mm512_set1_epi8(17));
        let steps = _mm512_mask_blend_epi8(_mm512_cmpge_epu8_mask(a, b), one, seventeen);
        let steps = interleave([steps, zero, zero, zero]);
        let cells = cell_offsets::<6>(self.samples);
        for (q, quarter) in self.quarters.iter_mut().enumerate() {
            // Sixteen cells to a node of axis a, seventeen nodes.
            let a = _mm512_srli_epi32::<18>(cells[q]);
            let first = _mm512_add_epi32(cells[q], _mm512_slli_epi32::<14>(a));
            let second = _mm512_add_epi32(first, _mm512_slli_epi32::<14>(steps[q]));
            let rows = [
                _mm512_unpacklo_epi32(first, second),
                _mm512_unpackhi_epi32(first, second),
            ];
            // SAFETY: any bits make numbers.
            quarter.rows =
                unsafe { std::mem::transmute::<[__m512i; 2], [[[[u32; 2]; 2]; 4]; 2]>(rows) };
        }
    }
}

/// Goes through the look-ups of a row block by block, sixteen pixels at a time. `look_up` gets the first of the sixteen, the
/// lane, what all `N` inputs read in the block, and what finds that of an input for the next block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
pub fn for_each_lane<const N: usize>(
    inputs: &[[&[u8]; 4]; N],
    width: usize,
    mut look_up: impl FnMut(usize, usize, &[[Quarter; 4]; N], &mut Finder),
) {
    let mut buffers = [[NOTHING; N]; 2];
    let [now, next] = &mut buffers;
    let (mut now, mut next) = (now, next);
    for (axes, quarters) in inputs.iter().zip(now.iter_mut()) {
        let mut finder = Finder::new(axes, 0, quarters);
        for _ in 0..STEPS {
            finder.step();
        }
    }
    let last = (width - 1) / LANES * LANES;
    for x in (0..width).step_by(LANES) {
        // The last block finds its own once more.
        let following = (x + LANES).min(last);
        for (input, (axes, quarters)) in inputs.iter().zip(next.iter_mut()).enumerate() {
            let mut finder = Finder::new(axes, following, quarters);
            for lane in input * 4 / N..(input + 1) * 4 / N {
                look_up(x + 16 * lane, lane, now, &mut finder);
            }
        }
        std::mem::swap(&mut now, &mut next);
    }
}
