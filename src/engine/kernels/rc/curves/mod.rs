//! Modules of any contributions: sums that slide along a row. What the kernels of every instruction set share.
//!
//! A sample contributes to the sums of all pixels whose windows it lies in, so one entry of a table holds what it
//! contributes to those of a row, in two rotations. At each sample the pending sums move on by one place and the entries
//! of all rows are added; the sum in the first place is then finished. The other two rotations are those two turned by half
//! a circle: they read the same entries, on the rows on the other side, from the last sample to the first.

pub mod avx2;
pub mod avx512;
pub mod deep;

use std::ops::Range;

use super::{
    squash::{Squash, Table, span},
    window::Window,
};
use crate::engine::{kernels::LANES, model::Offset};

/// Sums in a lane of 128 bits.
const PLACES: usize = 8;
/// Modules that share a lane. Their finished sums are at the first places.
const SHARING: usize = 2;
/// Lanes that hold modules, each twice, for two rotations.
const BINS: usize = 2;
/// Most modules that can slide together.
pub const MOST_MODULES: usize = BINS * SHARING;
/// Most rows that the windows have together.
const MOST_ROWS: usize = 8;

/// What a level of a row contributes to the sums of two rotations.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Entry([[[i16; PLACES]; 2]; BINS]);

/// The entries of a row, and one more: a level of several rows must not always fall into the same cache sets.
type Levels = [Entry; 256 + 1];

/// The rows of two rotations, along which sums slide to the right, then those of the others, to the left.
type Rows<'a> = [[&'a [u8]; MOST_ROWS]; 2];

/// Modules that slide together.
struct Slide {
    /// The rows of the windows in the first two rotations. In the others they lie as far on the other side.
    rows: Range<i32>,
    /// For each row, what each level contributes.
    entries: Vec<Levels>,
    /// For each byte of the bins, where in its lane it was before the sums moved on; nowhere, if there is no such byte.
    moves: [[[u8; 2 * PLACES]; 2]; BINS],
    /// The columns of the windows.
    columns: Range<i32>,
    members: Vec<Member>,
}

/// Where a module's finished sums are.
struct Member {
    bin: usize,
    place: usize,
    /// For each rotation, the column of the window where the sum of a pixel is finished: the last, or the first where sums slide
    /// to the left.
    end: [i32; 4],
}

impl Slide {
    /// For windows, each with the number that its sums count from, if there are places for their sums. Of these, 16 bits
    /// are kept.
    fn new(windows: &[(&Window, i32)]) -> Option<Self> {
        let offsets = |rotation| {
            let windows = windows.iter();
            windows.flat_map(move |(window, _)| window.rotated(rotation))
        };
        let columns = (0..4).flat_map(offsets).map(|(_, column)| column);
        let rows = offsets(0).map(|(row, _)| row);
        let rows = rows.clone().min()?..rows.max()? + 1;
        if rows.len() > MOST_ROWS {
            return None;
        }
        let mut slide = Self {
            entries: vec![[Entry([[[0; PLACES]; 2]; BINS]); _]; rows.len()],
            rows,
            moves: [[[u8::MAX; 2 * PLACES]; 2]; BINS],
            columns: columns.clone().min()?..columns.max()? + 1,
            members: Vec::new(),
        };
        let mut members = [0; BINS];
        let mut taken = [SHARING; BINS];
        for (window, first) in windows {
            let pending = window.size() - 1;
            let has_room = |bin: &usize| members[*bin] < SHARING && taken[*bin] + pending <= PLACES;
            let bin = (0..BINS).find(has_room)?;
            let places = [members[bin]].into_iter();
            let places = places.chain(taken[bin]..taken[bin] + pending).collect();
            slide.add(window, *first, bin, places);
            members[bin] += 1;
            taken[bin] += pending;
        }
        Some(slide)
    }

    /// Gives the sums of a window these places of a bin, that which is finished next the first.
    fn add(&mut self, window: &Window, first: i32, bin: usize, places: Vec<usize>) {
        for pair in places.windows(2) {
            for (byte, lane) in (0..4).map(|i| (i % 2, i / 2)) {
                self.moves[bin][lane][2 * pair[0] + byte] = (2 * pair[1] + byte) as u8;
            }
        }
        let last = [0, 1].map(|rotation| {
            let columns = window.rotated(rotation).map(|(_, column)| column);
            columns.max().expect("a window has positions")
        });
        for (rotation, last) in last.into_iter().enumerate() {
            // Each sum has one contribution of each position: the first holds what sums count from.
            let mut start = first;
            for ((row, column), levels) in window.rotated(rotation).zip(window.contributions()) {
                let row = (row - self.rows.start) as usize;
                let place = places[(last - column) as usize];
                for (Entry(sums), level) in self.entries[row].iter_mut().zip(levels) {
                    sums[bin][rotation][place] = (level - start) as i16;
                }
                start = 0;
            }
        }
        self.members.push(Member {
            bin,
            place: places[0],
            end: [last[0], last[1], -last[0], -last[1]],
        });
    }

    /// The rows to read, from the first column on.
    fn inputs<'a>(&self, input: impl Fn(Offset) -> &'a [u8]) -> Rows<'a> {
        let mut inputs: Rows = [[&[]; MOST_ROWS]; 2];
        for (number, row) in self.rows.clone().enumerate() {
            inputs[0][number] = input((row, self.columns.start));
            inputs[1][number] = input((-row, self.columns.start));
        }
        inputs
    }

    /// The columns at which blocks of samples start, counted from the first pixel's, for `width` pixels, in the order in which a
    /// half slides.
    fn blocks(&self, width: usize, half: usize) -> impl Iterator<Item = i32> + use<> {
        let columns = self.columns.start..width as i32 + self.columns.end - 1;
        let (start, count) = (columns.start, columns.step_by(LANES).len() as i32);
        (0..count).map(move |block| {
            let block = if half == 0 { block } else { count - 1 - block };
            start + LANES as i32 * block
        })
    }

    /// Where in the rows of [`Slide::inputs`] a column is.
    fn index(&self, column: i32) -> usize {
        (column - self.columns.start) as usize
    }
}

/// Copies levels to where they belong in a row, without those that lie outside of it.
#[inline(always)]
fn place(levels: &[u8; LANES], at: i32, row: &mut [u8]) {
    let inside = usize::try_from(at).ok().and_then(|at| row.get_mut(at..));
    if let Some(to) = inside.and_then(<[u8]>::first_chunk_mut) {
        *to = *levels;
        return;
    }
    let skipped = at.min(0).unsigned_abs() as usize;
    let levels = levels.get(skipped..).unwrap_or(&[]);
    let row = row.get_mut(at.max(0) as usize..).unwrap_or(&mut []);
    let count = levels.len().min(row.len());
    row[..count].copy_from_slice(&levels[..count]);
}
