//! Simplex interpolation on any processor: sorted weights, five vertices of the table as it is.

use super::{Accumulator, CORNERS, Sample, Table};
use crate::engine::kernels::{slots, sub_pixel_places};

/// The vertices of a look-up and their weights, which add up to the interval (ARITHMETIC section 1).
struct Simplex {
    vertices: [usize; 5],
    weights: [i32; 5],
}

/// Finds the simplex that holds a point of the grid.
#[derive(Clone, Copy)]
struct Grid {
    interval: u32,
    strides: [u32; 4],
}

impl Grid {
    fn new(table: &Table) -> Self {
        let nodes = table.nodes as u32;
        Self {
            interval: table.interval,
            strides: [nodes * nodes * nodes, nodes * nodes, nodes, 1],
        }
    }

    #[inline(always)]
    fn simplex(self, samples: [u32; 4]) -> Simplex {
        let q = 1u32 << self.interval;
        let mut vertex = 0;
        // A fraction above, the stride of its axis below: sorting the one sorts the other along.
        let mut keys = [0; 4];
        for axis in 0..4 {
            vertex += (samples[axis] >> self.interval) * self.strides[axis];
            keys[axis] = (samples[axis] & (q - 1)) << 16 | self.strides[axis];
        }
        for (high, low) in [(0, 1), (2, 3), (0, 2), (1, 3), (1, 2)] {
            let pair = (keys[high], keys[low]);
            keys[high] = pair.0.max(pair.1);
            keys[low] = pair.0.min(pair.1);
        }
        let mut simplex = Simplex {
            vertices: [vertex as usize; 5],
            weights: [0; 5],
        };
        let mut above = q;
        for (j, key) in keys.into_iter().enumerate() {
            vertex += key & 0xffff;
            simplex.vertices[j + 1] = vertex as usize;
            simplex.weights[j] = (above - (key >> 16)) as i32;
            above = key >> 16;
        }
        simplex.weights[4] = above as i32;
        simplex
    }
}

impl Simplex {
    /// The weighted sum of the vertices' rows, `N` entries each.
    #[inline(always)]
    fn interpolate<const N: usize>(&self, entries: &[i8]) -> [i32; N] {
        let mut values = [0; N];
        for (vertex, weight) in self.vertices.into_iter().zip(self.weights) {
            let row = &entries[vertex * N..][..N];
            for (value, entry) in values.iter_mut().zip(row) {
                *value += weight * i32::from(*entry);
            }
        }
        values
    }
}

/// Any pattern.
pub struct Rotated {
    grid: Grid,
    entries: Box<[i8]>,
    places: [Vec<usize>; 4],
    shift: u32,
}

impl Rotated {
    pub fn new(table: &Table) -> Self {
        Self {
            grid: Grid::new(table),
            entries: table.entries.into(),
            places: sub_pixel_places(table.side),
            shift: table.shift,
        }
    }

    pub fn add<I: Sample, A: Accumulator>(
        &self,
        inputs: &[[&[I]; 4]; 4],
        width: usize,
        sums: &mut [A],
    ) {
        match self.places[0].len() {
            1 => self.add_outputs::<I, A, 1, 1>(inputs, width, sums),
            4 => self.add_outputs::<I, A, 4, 4>(inputs, width, sums),
            9 => self.add_outputs::<I, A, 9, 16>(inputs, width, sums),
            16 => self.add_outputs::<I, A, 16, 16>(inputs, width, sums),
            outputs => unreachable!("{outputs} outputs are no square of a scale"),
        }
    }

    fn add_outputs<I: Sample, A: Accumulator, const N: usize, const SLOTS: usize>(
        &self,
        inputs: &[[&[I]; 4]; 4],
        width: usize,
        sums: &mut [A],
    ) {
        let inputs = inputs.map(|axes| axes.map(|row| &row[..width]));
        for (x, sums) in sums.chunks_exact_mut(SLOTS).take(width).enumerate() {
            for (axes, places) in inputs.iter().zip(&self.places) {
                let simplex = self.grid.simplex(axes.map(|row| u32::from(row[x].into())));
                let values = simplex.interpolate::<N>(&self.entries);
                for (value, place) in values.into_iter().zip(places) {
                    sums[*place].add(value << self.shift);
                }
            }
        }
    }
}

/// The corners of a square: a row of the table holds the entries of all four rotations.
pub struct Folded {
    grid: Grid,
    entries: Box<[i8]>,
    outputs: usize,
}

impl Folded {
    pub fn new(table: &Table) -> Self {
        Self {
            grid: Grid::new(table),
            entries: fold(table),
            outputs: table.side * table.side,
        }
    }

    pub fn look_up<I: Sample, A: Accumulator>(
        &self,
        inputs: &[&[I]; 4],
        squares: usize,
        outputs: [&mut [A]; 4],
    ) {
        match self.outputs {
            1 => self.look_up_row::<I, A, 1, 4>(inputs, squares, outputs),
            4 => self.look_up_row::<I, A, 4, 16>(inputs, squares, outputs),
            9 => self.look_up_row::<I, A, 9, 36>(inputs, squares, outputs),
            16 => self.look_up_row::<I, A, 16, 64>(inputs, squares, outputs),
            outputs => unreachable!("{outputs} outputs are no square of a scale"),
        }
    }

    fn look_up_row<I: Sample, A: Accumulator, const N: usize, const ROW: usize>(
        &self,
        inputs: &[&[I]; 4],
        squares: usize,
        outputs: [&mut [A]; 4],
    ) {
        let inputs = inputs.map(|row| &row[..squares]);
        let slots = slots(N.isqrt());
        let outputs = outputs.map(|row| &mut row[..squares * slots]);
        for x in 0..squares {
            let simplex = self
                .grid
                .simplex(inputs.map(|row| u32::from(row[x].into())));
            let values = simplex.interpolate::<ROW>(&self.entries);
            for (rotation, values) in values.chunks_exact(N).enumerate() {
                for (k, value) in values.iter().enumerate() {
                    let output = &mut outputs[rotation][x * slots + k];
                    *output = A::default();
                    output.add(*value);
                }
            }
        }
    }
}

/// For each vertex, the entries of the four rotations of the square, each sub-pixel in its place.
pub fn fold(table: &Table) -> Box<[i8]> {
    let places = sub_pixel_places(table.side);
    let outputs = places[0].len();
    let nodes = table.nodes;
    let mut folded = vec![0; 4 * table.entries.len()];
    for (vertex, row) in folded.chunks_exact_mut(4 * outputs).enumerate() {
        let corners = [nodes * nodes * nodes, nodes * nodes, nodes, 1].map(|s| vertex / s % nodes);
        for (rotation, row) in row.chunks_exact_mut(outputs).enumerate() {
            let axes = CORNERS[rotation].map(|corner| corners[corner]);
            let vertex = axes.into_iter().fold(0, |index, axis| index * nodes + axis);
            let entry = &table.entries[vertex * outputs..][..outputs];
            for (value, place) in entry.iter().zip(&places[rotation]) {
                row[*place] = *value;
            }
        }
    }
    folded.into()
}
