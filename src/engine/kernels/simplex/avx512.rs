//! Simplex interpolation by AVX-512: 64 pixels at a time, weights by the closed form.
//!
//! Cells and rows are explained in docs/performance.md.

use std::arch::x86_64::*;

use super::{
    Table,
    layout::{self, Cell16, Cell64, Cells, Quads, TURN},
};
use crate::engine::kernels::{
    LANES,
    avx512::{add_sums, four_lanes, load, store_eight_sums, store_half_sums, sum_lanes},
};

/// The look-ups of pixels `16 l + 4 q + t` of a block of 64, for one `q`: what unpacking within lanes leaves together.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Quarter {
    /// For each `t`, in each lane `l` the weights of the sixteen corners.
    weights: [[[u8; 16]; 4]; 4],
    /// For each `l`, for each `t`: where the cell lies in the table, in bytes.
    cells: [[u32; 4]; 4],
}

/// The cells of 64 look-ups and the weights of their corners.
type Corners = [Quarter; 4];

const NO_CORNERS: Corners = [Quarter {
    weights: [[[0; 16]; 4]; 4],
    cells: [[0; 4]; 4],
}; 4];

/// Finds the cells of 64 look-ups, each of `2^SIZE` bytes, and the weights of their corners (ARITHMETIC section 1, closed
/// form).
///
/// It writes to memory that is there: four of these returned by value were copied five times.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn find_corners<const SIZE: u32>(samples: [__m512i; 4], corners: &mut Corners) {
    let cells = cell_offsets::<SIZE>(samples);
    let [a, b, c, d] = samples.map(|samples| _mm512_and_si512(samples, _mm512_set1_epi8(15)));
    let (min_ab, max_ab) = (_mm512_min_epu8(a, b), _mm512_max_epu8(a, b));
    let (min_cd, max_cd) = (_mm512_min_epu8(c, d), _mm512_max_epu8(c, d));
    let (q, zero) = (_mm512_set1_epi8(16), _mm512_setzero_si512());
    // By which of a and b, of c and d, belong to the corner: the least fraction that does, the greatest that does not.
    let (least_ab, greatest_ab) = ([q, b, a, min_ab], [max_ab, a, b, zero]);
    let (least_cd, greatest_cd) = ([q, d, c, min_cd], [max_cd, c, d, zero]);
    let mut weights = [zero; 16];
    for (corner, weight) in weights.iter_mut().enumerate() {
        let (ab, cd) = (corner / 4, corner % 4);
        let least = _mm512_min_epu8(least_ab[ab], least_cd[cd]);
        let greatest = _mm512_max_epu8(greatest_ab[ab], greatest_cd[cd]);
        *weight = _mm512_subs_epu8(least, greatest);
    }
    let weights = transpose(weights);
    for (q, quarter) in corners.iter_mut().enumerate() {
        // SAFETY: any bits make numbers.
        quarter.cells = unsafe { std::mem::transmute::<__m512i, [[u32; 4]; 4]>(cells[q]) };
        for (t, pixels) in quarter.weights.iter_mut().enumerate() {
            // SAFETY: as above.
            *pixels = unsafe { std::mem::transmute::<__m512i, [[u8; 16]; 4]>(weights[4 * q + t]) };
        }
    }
}

/// Where the cells of 64 look-ups lie in a table, each of `2^SIZE` bytes: for each `q`, in lane `l` those of pixels
/// `16 l + 4 q + t`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn cell_offsets<const SIZE: u32>(samples: [__m512i; 4]) -> [__m512i; 4] {
    let zero = _mm512_setzero_si512();
    let [low, high] = cell_indices(samples);
    let offsets = [
        _mm512_unpacklo_epi16(zero, low),
        _mm512_unpackhi_epi16(zero, low),
        _mm512_unpacklo_epi16(zero, high),
        _mm512_unpackhi_epi16(zero, high),
    ];
    let shift = _mm_cvtsi32_si128(16 - SIZE as i32);
    offsets.map(|cells| _mm512_srl_epi32(cells, shift))
}

/// The cells of 64 look-ups: 16-bit numbers of four nodes, those of pixels 0 to 7 of each lane and then the others.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn cell_indices([a, b, c, d]: [__m512i; 4]) -> [__m512i; 2] {
    let high = _mm512_set1_epi8(0xf0_u8.cast_signed());
    // Two nodes in a byte: the high bits of the first, those of the second below. 0xca: high ? first : second.
    let pair = |first, second| {
        _mm512_ternarylogic_epi32::<0xca>(high, first, _mm512_srli_epi16::<4>(second))
    };
    let (ab, cd) = (pair(a, b), pair(c, d));
    [_mm512_unpacklo_epi8(cd, ab), _mm512_unpackhi_epi8(cd, ab)]
}

/// From a vector for each of 16 corners to, in each lane, the 16 corners of a pixel.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(corners: [__m512i; 16]) -> [__m512i; 16] {
    let mut bytes = corners;
    for i in 0..8 {
        let (a, b) = (corners[2 * i], corners[2 * i + 1]);
        bytes[i] = _mm512_unpacklo_epi8(a, b);
        bytes[8 + i] = _mm512_unpackhi_epi8(a, b);
    }
    let mut words = bytes;
    for i in 0..8 {
        let (a, b) = (bytes[2 * i], bytes[2 * i + 1]);
        let to = i / 4 * 8 + i % 4;
        words[to] = _mm512_unpacklo_epi16(a, b);
        words[to + 4] = _mm512_unpackhi_epi16(a, b);
    }
    let mut pixels = words;
    for i in 0..4 {
        // Four vectors of four corners each, of the same four pixels in each lane.
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| words[4 * i + k]);
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        pixels[4 * i] = _mm512_unpacklo_epi64(ab_low, cd_low);
        pixels[4 * i + 1] = _mm512_unpackhi_epi64(ab_low, cd_low);
        pixels[4 * i + 2] = _mm512_unpacklo_epi64(ab_high, cd_high);
        pixels[4 * i + 3] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }
    pixels
}

impl Quarter {
    /// The weights of pixel `t` of lane `l`, in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn broadcast_weights(&self, l: usize, t: usize) -> __m512i {
        // SAFETY: reads the 16 bytes of the array.
        let weights = unsafe { _mm_loadu_si128(self.weights[t][l].as_ptr().cast()) };
        _mm512_broadcast_i32x4(weights)
    }

    /// The weights of pixel `t` of each lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn lane_weights(&self, t: usize) -> __m512i {
        // SAFETY: reads the 64 bytes of the array.
        unsafe { _mm512_loadu_si512(self.weights[t].as_ptr().cast()) }
    }
}

/// A cell by its place in a table.
///
/// # Safety
/// `offset` must be what [`find_corners`] finds for cells of this size.
#[inline(always)]
unsafe fn cell_at<T>(cells: &Cells<T>, offset: u32) -> &T {
    // SAFETY: then it is a 16-bit number times the size, and there are 2^16 cells.
    unsafe { &*cells.as_ptr().byte_add(offset as usize) }
}

/// Goes through the look-ups of a row in blocks of 64 pixels, each in four parts. `find` finds out about the 64 look-ups of
/// one input; `look_up` gets the first pixel, the part and what was found for all `N` inputs.
///
/// What a block needs is found between the parts of the block before: finding occupies the shuffle unit, looking up the
/// loads.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn for_each_part<T: Copy, const N: usize>(
    inputs: &[[&[u8]; 4]; N],
    width: usize,
    nothing: T,
    find: impl Fn([__m512i; 4], &mut T),
    mut look_up: impl FnMut(usize, usize, &[T; N]),
) {
    let mut buffers = [[nothing; N]; 2];
    let [now, next] = &mut buffers;
    let (mut now, mut next) = (now, next);
    for (axes, found) in inputs.iter().zip(now.iter_mut()) {
        find(axes.map(|row| load(row, 0)), found);
    }
    let last = (width - 1) / LANES * LANES;
    for x in (0..width).step_by(LANES) {
        // The last block finds its own once more.
        let following = (x + LANES).min(last);
        for part in 0..4 {
            if part < N {
                let samples = inputs[part].map(|row| load(row, following));
                find(samples, &mut next[part]);
            }
            look_up(x, part, now);
        }
        std::mem::swap(&mut now, &mut next);
    }
}

/// Any pattern, one output: sixteen corners a look-up, four look-ups a vector.
pub struct RotatedOne {
    cells: Cells<Cell16>,
}

impl RotatedOne {
    pub fn new(table: &Table) -> Self {
        Self {
            cells: layout::cells(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn add(&self, inputs: &[[&[u8]; 4]; 4], width: usize, sums: &mut [i16]) {
        let first_half = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
        let second_half = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        let mut quarters = [_mm512_setzero_si512(); 4];
        for_each_part(
            inputs,
            width,
            NO_CORNERS,
            |samples, corners| find_corners::<4>(samples, corners),
            |x, q, rotations| {
                let pixels = |t| self.four_pixels(rotations, q, t);
                quarters[q] = sum_lanes([pixels(0), pixels(1), pixels(2), pixels(3)]);
                if q == 3 {
                    let low = _mm512_packs_epi32(quarters[0], quarters[1]);
                    let high = _mm512_packs_epi32(quarters[2], quarters[3]);
                    add_sums(sums, x, _mm512_permutex2var_epi64(low, first_half, high));
                    let second = _mm512_permutex2var_epi64(low, second_half, high);
                    add_sums(sums, x + 32, second);
                }
            },
        );
    }

    /// The four rotations of a pixel of each lane, in four parts.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn four_pixels(&self, rotations: &[Corners; 4], q: usize, t: usize) -> __m512i {
        let mut total = _mm512_setzero_si512();
        for corners in rotations {
            let quarter = &corners[q];
            // SAFETY: the corners are those of cells of 2^4 bytes.
            let cell = |lane: usize| unsafe { cell_at(&self.cells, quarter.cells[lane][t]) };
            let cell = |lane| load_lane(&cell(lane).0);
            let cells = four_lanes([cell(0), cell(1), cell(2), cell(3)]);
            total = _mm512_dpbusd_epi32(total, quarter.lane_weights(t), cells);
        }
        total
    }
}

/// Any pattern, four outputs: one look-up a vector, an output in each lane.
pub struct RotatedFour {
    cells: Cells<Cell64>,
}

impl RotatedFour {
    pub fn new(table: &Table) -> Self {
        Self {
            cells: layout::cells_of_four(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn add(&self, inputs: &[[&[u8]; 4]; 4], width: usize, sums: &mut [i16]) {
        let order = from_turns();
        for_each_part(
            inputs,
            width,
            NO_CORNERS,
            |samples, corners| find_corners::<6>(samples, corners),
            |x, lane, rotations| {
                for half in 0..2 {
                    let low = sum_lanes(self.four_pixels(rotations, lane, 2 * half));
                    let high = sum_lanes(self.four_pixels(rotations, lane, 2 * half + 1));
                    let pixels = _mm512_permutexvar_epi16(order, _mm512_packs_epi32(low, high));
                    add_sums(sums, 4 * (x + 16 * lane + 8 * half), pixels);
                }
            },
        );
    }

    /// The four rotations of four pixels, each output in four parts.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn four_pixels(&self, rotations: &[Corners; 4], lane: usize, q: usize) -> [__m512i; 4] {
        let mut pixels = [_mm512_setzero_si512(); 4];
        for corners in rotations.iter().rev() {
            let quarter = &corners[q];
            for (t, pixel) in pixels.iter_mut().enumerate() {
                // Those of the rotations after this one move on by one lane (`layout::TURN`).
                let turned = _mm512_shuffle_i64x2::<0x93>(*pixel, *pixel);
                // SAFETY: the corners are those of cells of 2^6 bytes.
                let cell = unsafe { cell_at(&self.cells, quarter.cells[lane][t]) };
                let weights = quarter.broadcast_weights(lane, t);
                *pixel = _mm512_dpbusd_epi32(turned, weights, load_lanes(&cell.0));
            }
        }
        pixels
    }
}

/// Squares with one output: one look-up a vector, a rotation in each lane.
pub struct FoldedOne {
    cells: Cells<Cell64>,
}

impl FoldedOne {
    pub fn new(table: &Table) -> Self {
        Self {
            cells: layout::folded_cells(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, outputs: [&mut [i16]; 4]) {
        let [first_row, second_row, third_row, fourth_row] = outputs;
        for_each_part(
            &[*inputs],
            squares,
            NO_CORNERS,
            |samples, corners| find_corners::<6>(samples, corners),
            |x, lane, [corners]| {
                for half in 0..2 {
                    let low = sum_lanes(self.four_squares(&corners[2 * half], lane));
                    let high = sum_lanes(self.four_squares(&corners[2 * half + 1], lane));
                    let lanes = _mm512_packs_epi32(low, high);
                    let at = x + 16 * lane + 8 * half;
                    store_eight_sums(first_row, at, _mm512_castsi512_si128(lanes));
                    store_eight_sums(second_row, at, _mm512_extracti32x4_epi32::<1>(lanes));
                    store_eight_sums(third_row, at, _mm512_extracti32x4_epi32::<2>(lanes));
                    store_eight_sums(fourth_row, at, _mm512_extracti32x4_epi32::<3>(lanes));
                }
            },
        );
    }

    /// Four squares, the value of each rotation in four parts.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn four_squares(&self, quarter: &Quarter, lane: usize) -> [__m512i; 4] {
        [0, 1, 2, 3].map(|t| {
            // SAFETY: the corners are those of cells of 2^6 bytes.
            let cell = unsafe { cell_at(&self.cells, quarter.cells[lane][t]) };
            let weights = quarter.broadcast_weights(lane, t);
            _mm512_dpbusd_epi32(_mm512_setzero_si512(), weights, load_lanes(&cell.0))
        })
    }
}

/// 16-bit places of eight pixels with four outputs each, from lanes in the order of [`TURN`].
#[inline]
#[target_feature(enable = "avx512f")]
fn from_turns() -> __m512i {
    let mut from = [0i16; 32];
    for (lane, output) in TURN.into_iter().enumerate() {
        for pixel in 0..8 {
            from[4 * pixel + output] = (8 * lane + pixel) as i16;
        }
    }
    // SAFETY: both are 64 bytes and any bits make a vector.
    unsafe { std::mem::transmute::<[i16; 32], __m512i>(from) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_lane(bytes: &[i8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_lanes(bytes: &[[i8; 16]; 4]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Squares with four outputs: three rows of sixteen values a look-up, each with the four corners of axes c and d.
pub struct FoldedFour {
    rows: Box<[Quads]>,
}

impl FoldedFour {
    pub fn new(table: &Table) -> Self {
        Self {
            rows: layout::folded_quads(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, outputs: [&mut [i16]; 4]) {
        let [first_row, second_row, third_row, fourth_row] = outputs;
        let upper = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
        let lower = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        for_each_part(
            &[*inputs],
            squares,
            NO_QUADS,
            |samples, quads| find_quads(samples, quads),
            |x, lane, [quads]| {
                for (q, quads) in quads.iter().enumerate() {
                    let square = |t| self.square(quads, lane, t);
                    let left = _mm512_packs_epi32(square(0), square(1));
                    let right = _mm512_packs_epi32(square(2), square(3));
                    let first_two = _mm512_permutex2var_epi64(left, upper, right);
                    let last_two = _mm512_permutex2var_epi64(left, lower, right);
                    let at = 4 * (x + 16 * lane + 4 * q);
                    store_half_sums(first_row, at, _mm512_castsi512_si256(first_two));
                    store_half_sums(second_row, at, _mm512_extracti64x4_epi64::<1>(first_two));
                    store_half_sums(third_row, at, _mm512_castsi512_si256(last_two));
                    store_half_sums(fourth_row, at, _mm512_extracti64x4_epi64::<1>(last_two));
                }
            },
        );
    }

    /// The sixteen values of a square.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn square(&self, quads: &QuadQuarter, lane: usize, t: usize) -> __m512i {
        let first = quads.first[lane][t] as usize;
        let rows = [first, quads.second[lane][t] as usize, first + BOTH];
        let mut sum = _mm512_setzero_si512();
        for (row, weights) in rows.into_iter().zip(&quads.weights) {
            // SAFETY: three vertices of a cell of 16^4 cells are rows of 17^2 nodes by 16^2 cells.
            let row = unsafe { &*self.rows.as_ptr().byte_add(row) };
            let weights = _mm512_set1_epi32(weights[lane][t]);
            sum = _mm512_dpbusd_epi32(sum, weights, load_lanes(&row.0));
        }
        sum
    }
}

/// Bytes from the row of the first vertex along axes a and b to that of the third: one node on along both.
const BOTH: usize = 18 * NODE;
/// Bytes from the row of a node along axis b to that of the next.
const NODE: usize = 256 * size_of::<Quads>();

/// The look-ups of pixels `16 l + 4 q + t` of a block of 64, for one `q`. All are for each `l`, for each `t`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct QuadQuarter {
    /// Where the rows of the first two vertices along axes a and b lie, in bytes; the third's is [`BOTH`] after the first's.
    first: [[u32; 4]; 4],
    second: [[u32; 4]; 4],
    /// For each vertex, the weights of the four corners of axes c and d.
    weights: [[[i32; 4]; 4]; 3],
}

const NO_QUADS: [QuadQuarter; 4] = [QuadQuarter {
    first: [[0; 4]; 4],
    second: [[0; 4]; 4],
    weights: [[[0; 4]; 4]; 3],
}; 4];

/// Finds the simplexes of axes a and b, and the weights of axes c and d (ARITHMETIC section 1: of the closed form's
/// corners those with weight lie at these three vertices).
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn find_quads(samples: [__m512i; 4], quarters: &mut [QuadQuarter; 4]) {
    let [a, b, c, d] = samples.map(|samples| _mm512_and_si512(samples, _mm512_set1_epi8(15)));
    let (q, zero) = (_mm512_set1_epi8(16), _mm512_setzero_si512());
    let along = [q, _mm512_max_epu8(a, b), _mm512_min_epu8(a, b), zero];
    let least = [q, d, c, _mm512_min_epu8(c, d)];
    let greatest = [_mm512_max_epu8(c, d), c, d, zero];
    // SAFETY (here and below): any bits make numbers.
    let numbers = |vector| unsafe { std::mem::transmute::<__m512i, [[i32; 4]; 4]>(vector) };
    for vertex in 0..3 {
        let [w0, w1, w2, w3] = [0, 1, 2, 3].map(|corner| {
            let least = _mm512_min_epu8(along[vertex], least[corner]);
            let greatest = _mm512_max_epu8(along[vertex + 1], greatest[corner]);
            _mm512_subs_epu8(least, greatest)
        });
        let (low_a, high_a) = (_mm512_unpacklo_epi8(w0, w1), _mm512_unpackhi_epi8(w0, w1));
        let (low_b, high_b) = (_mm512_unpacklo_epi8(w2, w3), _mm512_unpackhi_epi8(w2, w3));
        let weights = [
            _mm512_unpacklo_epi16(low_a, low_b),
            _mm512_unpackhi_epi16(low_a, low_b),
            _mm512_unpacklo_epi16(high_a, high_b),
            _mm512_unpackhi_epi16(high_a, high_b),
        ];
        for (quarter, weights) in quarters.iter_mut().zip(weights) {
            quarter.weights[vertex] = numbers(weights);
        }
    }
    // One node on along the axis with the greater fraction: by 17 nodes or by one.
    let steps = _mm512_mask_blend_epi8(
        _mm512_cmpge_epu8_mask(a, b),
        _mm512_set1_epi8(1),
        _mm512_set1_epi8(17),
    );
    let (low, high) = (
        _mm512_unpacklo_epi8(steps, zero),
        _mm512_unpackhi_epi8(steps, zero),
    );
    let steps = [
        _mm512_unpacklo_epi16(low, zero),
        _mm512_unpackhi_epi16(low, zero),
        _mm512_unpacklo_epi16(high, zero),
        _mm512_unpackhi_epi16(high, zero),
    ];
    for (q, cells) in cell_offsets::<6>(samples).into_iter().enumerate() {
        // Sixteen cells to a node of axis a, seventeen nodes.
        let a = _mm512_srli_epi32::<18>(cells);
        let first = _mm512_add_epi32(cells, _mm512_slli_epi32::<14>(a));
        let second = _mm512_add_epi32(first, _mm512_slli_epi32::<14>(steps[q]));
        quarters[q].first = numbers(first).map(|l| l.map(i32::cast_unsigned));
        quarters[q].second = numbers(second).map(|l| l.map(i32::cast_unsigned));
    }
}
