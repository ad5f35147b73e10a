//! How tables with 4-bit intervals are laid out for vectors: cells with all their corners side by side, or rows with some.

use super::{CORNERS, Table, pages::Pages};
use crate::engine::kernels::sub_pixel_places;

/// Interval bits of the tables that can be laid out here.
pub const INTERVAL: u32 = 4;
/// Nodes along their axes.
const NODES: usize = 17;

/// The sixteen corners of a cell, one value each. Corner `8a + 4b + 2c + d` is that many nodes on along the axes.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Cell16(pub [i8; 16]);

/// Four times the sixteen corners of a cell.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Cell64(pub [[i8; 16]; 4]);

/// Sixteen values, each at the four corners of a cell of axes c and d.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Quads(pub [[i8; 16]; 4]);

/// Four values, each at the four corners of a cell of axes c and d.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct FourQuads(pub [i8; 16]);

/// Cells of a table: one for every four numbers of four bits, the first axis highest, so that any 16 bits are an index.
pub const CELLS: usize = 1 << 16;

/// Which output each lane of a cell with four of them has: a rotation moves them on by one lane (ARITHMETIC section 2).
pub const TURN: [usize; 4] = [0, 1, 3, 2];

impl Table<'_> {
    /// Whether the table can be laid out for vectors.
    pub fn has_layout(&self) -> bool {
        self.interval == INTERVAL && self.nodes == NODES
    }

    /// Bits of the samples that are looked up.
    pub fn depth(&self) -> u32 {
        self.interval + (self.nodes - 1).ilog2()
    }

    fn entry(&self, nodes: [usize; 4]) -> &[i8] {
        let vertex = nodes
            .into_iter()
            .fold(0, |index, node| index * NODES + node);
        let outputs = self.side * self.side;
        &self.entries[vertex * outputs..][..outputs]
    }

    /// The entry of one rotation of a square with these nodes at its corners.
    fn rotated_entry(&self, corners: [usize; 4], rotation: usize) -> &[i8] {
        self.entry(CORNERS[rotation].map(|corner| corners[corner]))
    }
}

/// Cells of a table with one output.
pub fn cells(table: &Table) -> Pages<Cell16> {
    all_cells(|cell| Cell16(corners(cell).map(|corner| table.entry(corner)[0])))
}

/// Cells of a table with four outputs, in the order of [`TURN`].
pub fn cells_of_four(table: &Table) -> Pages<Cell64> {
    all_cells(|cell| {
        Cell64(TURN.map(|output| corners(cell).map(|corner| table.entry(corner)[output])))
    })
}

/// Cells of the squares of a table with one output, for each rotation.
pub fn folded_cells(table: &Table) -> Pages<Cell64> {
    all_cells(|cell| {
        Cell64(
            [0, 1, 2, 3].map(|rotation| {
                corners(cell).map(|corner| table.rotated_entry(corner, rotation)[0])
            }),
        )
    })
}

/// Rows of the squares of a table with four outputs, for every node of axes a and b and every cell of axes c and d: four
/// values for each rotation, each sub-pixel in its place, each with its four corners.
pub fn folded_quads(table: &Table) -> Pages<Quads> {
    let places = sub_pixel_places(table.side);
    quads(|quad| {
        let mut row = [[0; 16]; 4];
        for (corner, nodes) in quad.into_iter().enumerate() {
            for (rotation, places) in places.iter().enumerate() {
                let entry = table.rotated_entry(nodes, rotation);
                for (value, place) in entry.iter().zip(places) {
                    row[rotation][4 * place + corner] = *value;
                }
            }
        }
        Quads(row)
    })
}

/// Rows of the squares of a table with one output: a value for each rotation.
pub fn folded_four_quads(table: &Table) -> Pages<FourQuads> {
    four_quads_of(|nodes| [0, 1, 2, 3].map(|rotation| table.rotated_entry(nodes, rotation)[0]))
}

/// Rows of a table with four outputs, in the order of [`TURN`].
pub fn four_quads(table: &Table) -> Pages<FourQuads> {
    four_quads_of(|nodes| TURN.map(|output| table.entry(nodes)[output]))
}

fn four_quads_of(values: impl Fn([usize; 4]) -> [i8; 4]) -> Pages<FourQuads> {
    quads(|quad| {
        let corners = quad.map(&values);
        FourQuads(std::array::from_fn(|at| corners[at % 4][at / 4]))
    })
}

/// A row for every node of axes a and b and every cell of axes c and d, from the nodes at the cell's four corners.
fn quads<T: Copy>(row: impl Fn([[usize; 4]; 4]) -> T) -> Pages<T> {
    let corners = |index: usize| {
        let (a, b) = (index / 256 / NODES, index / 256 % NODES);
        let (c, d) = (index % 256 / 16, index % 16);
        [0, 1, 2, 3].map(|corner| [a, b, c + (corner >> 1), d + (corner & 1)])
    };
    Pages::new((0..256 * NODES * NODES).map(|index| row(corners(index))))
}

fn all_cells<T: Copy>(cell: impl Fn([usize; 4]) -> T) -> Pages<T> {
    let nodes = |index: usize| [12, 8, 4, 0].map(|shift| index >> shift & 15);
    Pages::new((0..CELLS).map(|index| cell(nodes(index))))
}

/// The nodes at the sixteen corners of a cell.
fn corners(cell: [usize; 4]) -> [[usize; 4]; 16] {
    std::array::from_fn(|corner| [0, 1, 2, 3].map(|axis| cell[axis] + (corner >> (3 - axis) & 1)))
}

/// The values of a vertex for all rotations of a square, sixteen for each: in the first lane the first eight values of
/// rotations 0 and 2, in the second their last eight, and then those of rotations 1 and 3 likewise. Unpacking the bytes of
/// two vertices leaves the values of a rotation in two lanes side by side.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct FoldedRow(pub [[i8; 16]; 4]);

/// Vertices of a table.
const VERTICES: usize = NODES.pow(4);

/// The entries of a wide table, those of scale 3 filled up to sixteen.
pub fn wide_rows(table: &Table) -> Pages<Cell16> {
    let entries = table.entries.chunks_exact(table.side * table.side);
    let rows = entries.map(|entry| {
        let mut row = [0; 16];
        row[..entry.len()].copy_from_slice(entry);
        Cell16(row)
    });
    Pages::new(rows)
}

/// The squares of a wide table: each sub-pixel in its place.
pub fn folded_rows(table: &Table) -> Pages<FoldedRow> {
    let places = sub_pixel_places(table.side);
    let nodes = |vertex: usize| [3, 2, 1, 0].map(|axis| vertex / NODES.pow(axis) % NODES);
    let row = |vertex| {
        let mut row = [[0; 16]; 4];
        for (rotation, places) in places.iter().enumerate() {
            let entry = table.rotated_entry(nodes(vertex), rotation);
            for (value, place) in entry.iter().zip(places) {
                row[rotation % 2 * 2 + place / 8][rotation / 2 * 8 + place % 8] = *value;
            }
        }
        FoldedRow(row)
    };
    Pages::new((0..VERTICES).map(row))
}

/// How far each set of axes is from the first vertex, in vertices, low bytes and high bytes: bits `a b c d` of the set from
/// the highest on.
pub const STEPS: [[u8; 16]; 2] = {
    let mut steps = [[0; 16]; 2];
    let mut axes = 0;
    while axes < 16 {
        let [a, b, c, d] = [axes >> 3 & 1, axes >> 2 & 1, axes >> 1 & 1, axes & 1];
        let step = (((a * NODES + b) * NODES + c) * NODES + d) as u16;
        [steps[0][axes], steps[1][axes]] = step.to_le_bytes();
        axes += 1;
    }
    steps
};

/// For each rotation, which entry of a wide row lands on each output; none where the high bit is set.
pub fn turns(side: usize) -> [[i8; 16]; 4] {
    sub_pixel_places(side).map(|places| {
        let mut turn = [-128; 16];
        for (entry, place) in places.into_iter().enumerate() {
            turn[place] = entry as i8;
        }
        turn
    })
}
