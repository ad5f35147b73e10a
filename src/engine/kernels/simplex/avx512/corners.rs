//! Which cells a block of 64 look-ups reads, and the weights of their sixteen corners (ARITHMETIC section 1, closed form).
//!
//! Finding them occupies the unit for shuffles, looking up the loads. Each is about half the work, and the processor does
//! both at once only where they alternate in the program: so what a block needs is found in steps, between the look-ups of
//! the block before.

use std::arch::x86_64::*;

use crate::engine::kernels::{LANES, avx512::load};

/// The look-ups of pixels `16 l + 4 q + t` of a block, for one `q`: what unpacking within lanes leaves together.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Quarter {
    /// For each `t`, for each `l`, the weights of the sixteen corners.
    weights: [[[u8; 16]; 4]; 4],
    /// For each `l`, for each `t`: where the cell lies in the table, in bytes.
    cells: [[u32; 4]; 4],
}

/// A block's quarters.
pub type Corners = [Quarter; 4];

const NOTHING: Corners = [Quarter {
    weights: [[[0; 16]; 4]; 4],
    cells: [[0; 4]; 4],
}; 4];

impl Quarter {
    /// The cell of a pixel in a table whose cells have the size that the corners were found for.
    ///
    /// # Safety
    /// They must have been found for the size of `T`, and the table must have all `2^16` cells.
    #[inline(always)]
    pub unsafe fn cell<'a, T>(&self, cells: &'a [T], l: usize, t: usize) -> &'a T {
        // SAFETY: then the offset is a number of 16 bits times the size.
        unsafe { &*cells.as_ptr().byte_add(self.cells[l][t] as usize) }
    }

    /// The weights of a pixel, in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    pub fn broadcast_weights(&self, l: usize, t: usize) -> __m512i {
        // SAFETY: reads the 16 bytes of the array.
        let weights = unsafe { _mm_loadu_si128(self.weights[t][l].as_ptr().cast()) };
        _mm512_broadcast_i32x4(weights)
    }

    /// The weights of pixel `t` of each lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn lane_weights(&self, t: usize) -> __m512i {
        // SAFETY: reads the 64 bytes of the array.
        unsafe { _mm512_loadu_si512(self.weights[t].as_ptr().cast()) }
    }

    /// What is stored as the weights of pixel `t` of each lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn set_weights(&mut self, t: usize, weights: __m512i) {
        // SAFETY: writes the 64 bytes of the array.
        unsafe { _mm512_storeu_si512(self.weights[t].as_mut_ptr().cast(), weights) }
    }
}

/// The corners of a block on their way, [`STEPS`] steps long.
pub struct Finder<'a> {
    /// By which of axes a and b belong to a corner, the least fraction that does and the greatest that does not.
    ab: [(__m512i, __m512i); 4],
    /// Likewise for axes c and d.
    cd: [(__m512i, __m512i); 4],
    /// While they are found, the `t`-th weights of a quarter hold, for each of its pixels, the four by axes c and d of the
    /// `t`-th case of a and b. That stores keep their place in the program is what makes the steps alternate.
    corners: &'a mut Corners,
}

/// Steps until the corners of a block are found.
pub const STEPS: usize = 8;

impl<'a> Finder<'a> {
    /// Starts with the block at `x`, for cells of `2^SIZE` bytes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn new<const SIZE: u32>(inputs: &[&[u8]; 4], x: usize, corners: &'a mut Corners) -> Self {
        let samples = inputs.map(|row| load(row, x));
        for (quarter, cells) in corners.iter_mut().zip(cell_offsets::<SIZE>(samples)) {
            // SAFETY: any bits make numbers.
            quarter.cells = unsafe { std::mem::transmute::<__m512i, [[u32; 4]; 4]>(cells) };
        }
        let [a, b, c, d] = samples.map(|samples| _mm512_and_si512(samples, _mm512_set1_epi8(15)));
        let (q, zero) = (_mm512_set1_epi8(16), _mm512_setzero_si512());
        let bounds = |a, b| {
            let (least, greatest) = (_mm512_min_epu8(a, b), _mm512_max_epu8(a, b));
            [(q, greatest), (b, a), (a, b), (least, zero)]
        };
        Self {
            ab: bounds(a, b),
            cd: bounds(c, d),
            corners,
        }
    }

    /// Takes one of [`STEPS`] steps, in their order: four weights of all pixels, then all weights of a quarter.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn step(&mut self, step: usize) {
        match step {
            0..4 => self.four_weights(step),
            _ => self.quarter(step - 4),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn four_weights(&mut self, number: usize) {
        let (least, greatest) = self.ab[number];
        let weight = |corner: usize| {
            let (least_cd, greatest_cd) = self.cd[corner];
            let least = _mm512_min_epu8(least, least_cd);
            _mm512_subs_epu8(least, _mm512_max_epu8(greatest, greatest_cd))
        };
        let weights = interleave([weight(0), weight(1), weight(2), weight(3)]);
        for (quarter, weights) in self.corners.iter_mut().zip(weights) {
            quarter.set_weights(number, weights);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn quarter(&mut self, q: usize) {
        let quarter = &mut self.corners[q];
        let (a, b) = (quarter.lane_weights(0), quarter.lane_weights(1));
        let (c, d) = (quarter.lane_weights(2), quarter.lane_weights(3));
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        quarter.set_weights(0, _mm512_unpacklo_epi64(ab_low, cd_low));
        quarter.set_weights(1, _mm512_unpackhi_epi64(ab_low, cd_low));
        quarter.set_weights(2, _mm512_unpacklo_epi64(ab_high, cd_high));
        quarter.set_weights(3, _mm512_unpackhi_epi64(ab_high, cd_high));
    }
}

/// From four vectors of bytes, for each quarter, the four bytes of each pixel side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn interleave([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_low, ab_high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
    [
        _mm512_unpacklo_epi16(ab_low, cd_low),
        _mm512_unpackhi_epi16(ab_low, cd_low),
        _mm512_unpacklo_epi16(ab_high, cd_high),
        _mm512_unpackhi_epi16(ab_high, cd_high),
    ]
}

/// Where the cells of a block lie in a table, each of `2^SIZE` bytes: for each quarter, in lane `l` those of its pixels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn cell_offsets<const SIZE: u32>([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let high = _mm512_set1_epi8(0xf0_u8.cast_signed());
    // Two nodes in a byte: the high bits of the first, those of the second below. 0xca: high ? first : second.
    let pair = |first, second| {
        _mm512_ternarylogic_epi32::<0xca>(high, first, _mm512_srli_epi16::<4>(second))
    };
    let zero = _mm512_setzero_si512();
    let shift = _mm_cvtsi32_si128(16 - SIZE as i32);
    let high_half = interleave([zero, zero, pair(c, d), pair(a, b)]);
    high_half.map(|cells| _mm512_srl_epi32(cells, shift))
}

/// Goes through the look-ups of a row block by block, each in four parts. `look_up` gets the block's first pixel, the
/// part, the corners of all `N` inputs, and what finds the corners of an input for the next block: that of input `part`,
/// or with one input the same in all parts.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
pub fn for_each_part<const SIZE: u32, const N: usize>(
    inputs: &[[&[u8]; 4]; N],
    width: usize,
    mut look_up: impl FnMut(usize, usize, &[Corners; N], &mut Finder),
) {
    let mut buffers = [[NOTHING; N]; 2];
    let [now, next] = &mut buffers;
    let (mut now, mut next) = (now, next);
    for (axes, corners) in inputs.iter().zip(now.iter_mut()) {
        let mut finder = Finder::new::<SIZE>(axes, 0, corners);
        for step in 0..STEPS {
            finder.step(step);
        }
    }
    let last = (width - 1) / LANES * LANES;
    for x in (0..width).step_by(LANES) {
        // The last block finds its own once more.
        let following = (x + LANES).min(last);
        for (input, (axes, corners)) in inputs.iter().zip(next.iter_mut()).enumerate() {
            let mut finder = Finder::new::<SIZE>(axes, following, corners);
            for part in input * 4 / N..(input + 1) * 4 / N {
                look_up(x, part, now, &mut finder);
            }
        }
        std::mem::swap(&mut now, &mut next);
    }
}
