//! Where the look-ups of a row of pixels fall in a table's grid (ARITHMETIC section 1).

use super::table::Table;

/// A step packs the fraction along an axis, the axis, and the entries between neighbours on it, so that sorting steps
/// sorts fractions.
const FRACTION_SHIFT: u32 = 18;
const AXIS_SHIFT: u32 = 16;

/// The cell of each look-up of a row and its path through it: the first vertex, and for each axis, largest fraction
/// first, the step to the next vertex.
pub struct Cells<const AXES: usize> {
    interval: u32,
    strides: [u32; 4],
    first: Vec<u32>,
    steps: [Vec<u32>; AXES],
}

/// One step of a path.
#[derive(Clone, Copy)]
pub struct Step(u32);

impl Step {
    /// Fraction of the cell along the step's axis, in levels.
    #[inline(always)]
    pub fn fraction(self) -> f32 {
        (self.0 >> FRACTION_SHIFT) as f32
    }

    /// The axis.
    #[inline(always)]
    pub fn axis(self) -> usize {
        (self.0 >> AXIS_SHIFT) as usize & 3
    }

    /// Entries to the next vertex.
    #[inline(always)]
    pub fn stride(self) -> usize {
        self.0 as usize & ((1 << AXIS_SHIFT) - 1)
    }
}

impl<const AXES: usize> Cells<AXES> {
    /// Room for rows of `width` look-ups in a table.
    pub fn new(table: &Table, width: usize) -> Self {
        Self {
            interval: table.interval,
            strides: table.strides(),
            first: vec![0; width],
            steps: std::array::from_fn(|_| vec![0; width]),
        }
    }

    /// Places a row, given for each axis the 8-bit levels that the look-ups read there.
    #[inline(always)]
    pub fn place(&mut self, levels: [&[f32]; AXES]) {
        let width = self.first.len();
        let levels = levels.map(|row| &row[..width]);
        let out = self.steps.each_mut().map(|steps| &mut steps[..width]);
        let mask = (1 << self.interval) - 1;
        for x in 0..width {
            let mut first = 0;
            let mut steps = [0; AXES];
            for axis in 0..AXES {
                let level = level_bits(levels[axis][x]);
                first += (level >> self.interval) * self.strides[axis];
                let axis_bits = (axis as u32) << AXIS_SHIFT;
                steps[axis] = (level & mask) << FRACTION_SHIFT | axis_bits | self.strides[axis];
            }
            if AXES == 4 {
                // A sorting network, largest first.
                for (i, j) in [(0, 1), (2, 3), (0, 2), (1, 3), (1, 2)] {
                    (steps[i], steps[j]) = (steps[i].max(steps[j]), steps[i].min(steps[j]));
                }
            }
            self.first[x] = first;
            for axis in 0..AXES {
                out[axis][x] = steps[axis];
            }
        }
    }

    /// The first vertex of look-up `x`.
    #[inline(always)]
    pub fn first(&self, x: usize) -> usize {
        self.first[x] as usize
    }

    /// The steps of look-up `x`.
    #[inline(always)]
    pub fn steps(&self, x: usize) -> [Step; AXES] {
        let mut steps = [Step(0); AXES];
        for (step, column) in steps.iter_mut().zip(&self.steps) {
            *step = Step(column[x]);
        }
        steps
    }
}

/// A whole level, 0..=255, as an integer. Beside 2^23 the last bits of a float count units; a cast would test for what no
/// level is, one value at a time.
#[inline(always)]
pub fn level_bits(level: f32) -> u32 {
    (level + 8_388_608.0).to_bits() & 0xff
}
