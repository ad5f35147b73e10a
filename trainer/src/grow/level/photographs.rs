//! Which pixels of photographs read each row of a stage's tables, and so what moving its entries does to them.

use rayon::prelude::*;

use super::pictures::each_read;
use crate::grow::{
    forward::{self, Activations},
    net::Net,
    patches::Patch,
};

/// The readers of a stage's rows among the pixels of some photographs.
pub struct Photographs {
    pixels: usize,
    /// By branch.
    rows: Vec<Rows>,
}

/// The readers of a table's rows, row by row.
struct Rows {
    /// Where the readers of each row start, and, last, where they end.
    starts: Vec<usize>,
    readers: Vec<Reader>,
}

/// A pixel of a photograph that reads a row in one of the four rotations.
#[derive(Clone, Copy, Default)]
pub struct Reader {
    /// Four times the pixel, and the rotation: there are many readers.
    at: u32,
    /// The row's part of the look-up.
    pub weight: f32,
}

impl Reader {
    /// The pixel, counted over all photographs.
    pub fn pixel(self) -> usize {
        self.at as usize / 4
    }

    /// The rotation that the pixel reads the row in.
    pub fn rotation(self) -> usize {
        self.at as usize % 4
    }
}

impl Photographs {
    /// No photographs at all.
    #[must_use]
    pub fn none(net: &Net, stage: usize) -> Self {
        let rows = |index| Rows::of(net, (stage, index), &[]);
        Self {
            pixels: 0,
            rows: (0..net.branches[stage].len()).map(rows).collect(),
        }
    }

    /// What square patches of photographs, of `crop` pixels a side, read of a stage.
    #[must_use]
    pub fn of(net: &Net, stage: usize, patches: &[Patch], crop: usize) -> Self {
        let size = (crop, crop);
        let runs: Vec<_> = patches
            .par_iter()
            .map(|patch| forward::run(net, &patch.source, size))
            .collect();
        let branches = (0..net.branches[stage].len()).into_par_iter();
        let rows = branches.map(|branch| Rows::of(net, (stage, branch), &runs));
        Self {
            pixels: patches.len() * crop * crop,
            rows: rows.collect(),
        }
    }

    /// Pixels of all photographs.
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// The rows that are read, each with its branch.
    pub fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        let branches = self.rows.iter().enumerate();
        branches.flat_map(|(branch, rows)| {
            let pairs = rows.starts.windows(2).enumerate();
            let read = pairs.filter(|(_, pair)| pair[0] < pair[1]);
            read.map(move |(row, _)| (branch, row))
        })
    }

    /// Who reads a row of a branch, pixel by pixel.
    pub fn readers(&self, branch: usize, row: usize) -> &[Reader] {
        let Rows { starts, readers } = &self.rows[branch];
        &readers[starts[row]..starts[row + 1]]
    }
}

impl Rows {
    fn of(net: &Net, (stage, branch): (usize, usize), runs: &[Activations]) -> Self {
        let mut starts = vec![0; net.branches[stage][branch].table.rows() + 1];
        for run in runs {
            each_read(net, run, (stage, branch), |row, _| starts[row + 1] += 1);
        }
        for row in 1..starts.len() {
            starts[row] += starts[row - 1];
        }
        let mut ends = starts.clone();
        let mut readers = vec![Reader::default(); starts[starts.len() - 1]];
        let mut first = 0;
        for run in runs {
            each_read(net, run, (stage, branch), |row, reader| {
                let at = 4 * (first + reader.pixel) + reader.rotation;
                readers[ends[row]] = Reader {
                    at: u32::try_from(at).expect("fewer than 2^30 pixels"),
                    weight: reader.weight,
                };
                ends[row] += 1;
            });
            let (width, height) = run.planes[0].size();
            first += width * height;
        }
        for bounds in starts.windows(2) {
            readers[bounds[0]..bounds[1]].sort_unstable_by_key(|reader| reader.at);
        }
        Self { starts, readers }
    }
}
