//! Bands and rings: a band of output rows is made by a pipeline of steps, each of which keeps the few rows that the steps
//! after it still read.

use super::{
    PlaneMut,
    aligned::Aligned,
    kernels::{LANES, Sample, finish::Finish, padded_width, simplex::MOST_TABLES, slots},
    model::{Border, Offset},
    plan::{Operation, Plan, Source, Step},
    plane::{Area, Plane},
};

/// Samples before the first of a row, at least as many as any step reads beyond the border.
const MARGIN: usize = LANES;

/// The rows of a step that are still needed, `planes` rows for each row of pixels, with room around them.
struct Ring<T> {
    data: Aligned<T>,
    planes: usize,
    rows: usize,
    stride: usize,
    /// Height of the plane; rows beyond it are what the border says, and columns likewise.
    height: usize,
    border: Border,
}

impl<T: Copy + Default> Ring<T> {
    fn new(size: Size, values: usize, planes: usize, rows: usize, border: Border) -> Self {
        let lines = (values * (padded_width(size.width) + MARGIN) + MARGIN) / LANES;
        // An odd number of cache lines: rows at the same column must not all fall into the same cache sets.
        let stride = (lines | 1) * LANES;
        Self {
            data: Aligned::new(planes * rows * stride),
            planes,
            rows,
            stride,
            height: size.height,
            border,
        }
    }

    fn start(&self, plane: usize, row: isize) -> usize {
        let slot = row.rem_euclid(self.rows as isize) as usize;
        (slot * self.planes + plane) * self.stride
    }

    /// A row as it was made, from its first value on.
    fn raw(&self, plane: usize, row: isize) -> &[T] {
        &self.data[self.start(plane, row)..][..self.stride][MARGIN..]
    }

    /// A row to make, from its first value on.
    fn raw_mut(&mut self, plane: usize, row: isize) -> &mut [T] {
        let start = self.start(plane, row);
        &mut self.data[start..][..self.stride][MARGIN..]
    }

    /// The rows of all planes to make, and how far they are apart.
    fn raw_all_mut(&mut self, row: isize) -> (&mut [T], usize) {
        let start = self.start(0, row);
        let rows = &mut self.data[start..][..self.planes * self.stride];
        (&mut rows[MARGIN..], self.stride)
    }

    /// What pixel `(row, 0)` reads at an offset, and the pixels to the right of it likewise.
    fn at(&self, plane: usize, row: isize, (dy, dx): Offset) -> &[T] {
        let row = resolve(row + dy as isize, self.height, self.border);
        let start = self.start(plane, row);
        &self.data[start..][..self.stride][MARGIN.strict_add_signed(dx as isize)..]
    }

    /// Fills what lies left and right of a row of `width` pixels that is made, as far as `reach`.
    fn extend(&mut self, plane: usize, row: isize, width: usize, reach: usize) {
        let border = self.border;
        let start = self.start(plane, row);
        let row = &mut self.data[start..][..self.stride];
        for distance in 1..=reach {
            let left = resolve(-(distance as isize), width, border) as usize;
            let right = resolve((width - 1 + distance) as isize, width, border) as usize;
            row[MARGIN - distance] = row[MARGIN + left];
            row[MARGIN + width - 1 + distance] = row[MARGIN + right];
        }
    }
}

/// The row or column that a coordinate reads (ARITHMETIC section 2).
fn resolve(coordinate: isize, length: usize, border: Border) -> isize {
    let last = length as isize - 1;
    match border {
        Border::Reflect if last > 0 => {
            let period = coordinate.rem_euclid(2 * last);
            period.min(2 * last - period)
        }
        _ => coordinate.clamp(0, last),
    }
}

/// Size of the source in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: usize,
    pub height: usize,
}

impl Size {
    /// The size of a plane.
    #[must_use]
    pub fn of<T>(plane: &Plane<T>) -> Self {
        Self {
            width: plane.width(),
            height: plane.height(),
        }
    }
}

/// The memory of one thread: a ring for each step, and rows that are used up at once.
pub struct Scratch<S: Sample> {
    size: Size,
    /// Pixels of the rows that are being made.
    width: usize,
    planes: Vec<Ring<S>>,
    maps: Vec<Ring<u8>>,
    folds: Vec<Ring<S::Sum>>,
    /// A row of sums, part after part.
    sums: Aligned<S::Sum>,
    rc_sums: Vec<i64>,
    /// The rows of the output that one row of the source makes.
    finished: Aligned<S>,
}

impl<S: Sample> Scratch<S> {
    /// Memory for planes of one size.
    #[must_use]
    pub fn new(plan: &Plan, size: Size) -> Self {
        let width = padded_width(size.width);
        let values = plan.scale * plan.scale;
        let sums = plan.steps.iter().map(|step| match &step.operation {
            Operation::Stage { finish, .. } => finish.groups() * slots(finish.side()),
            _ => 0,
        });
        let mut scratch = Self {
            size,
            width: size.width,
            planes: Vec::new(),
            maps: Vec::new(),
            folds: Vec::new(),
            sums: Aligned::new(width * sums.max().unwrap_or(0)),
            rc_sums: vec![0; width],
            finished: Aligned::new(width * values),
        };
        for step in &plan.steps {
            scratch.add_ring(plan, step);
        }
        scratch
    }

    fn add_ring(&mut self, plan: &Plan, step: &Step) {
        let (size, rows, border) = (self.size, step.rows, plan.border);
        match &step.operation {
            Operation::Load => self.planes.push(Ring::new(size, 1, 1, rows, border)),
            Operation::Rc { modules, .. } => {
                let planes = modules.planes();
                self.maps.push(Ring::new(size, 1, planes, rows, border));
            }
            Operation::Fold { unfold, .. } => {
                let values = unfold.slots();
                let planes = unfold.rows().count();
                self.folds
                    .push(Ring::new(size, values, planes, rows, border));
            }
            Operation::Stage { plane: Some(_), .. } => {
                self.planes.push(Ring::new(size, 1, 1, rows, border));
            }
            Operation::Stage { plane: None, .. } => {}
        }
    }

    /// The size of the planes that this memory is for.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Makes the output of an area of the source.
    ///
    /// Rows are made as if the plane ended where the area's output no longer depends on it.
    pub fn run(
        &mut self,
        plan: &Plan,
        source: &Plane<S>,
        area: Area,
        destination: &mut PlaneMut<S>,
    ) {
        let Size { width, height } = self.size;
        let read = Area {
            top: 0,
            height,
            ..area.grown(plan.reach, width, height)
        };
        let source = source.part(read);
        let skipped = (area.left - read.left) * plan.scale;
        self.width = read.width;
        let band = area.top..area.top + area.height;
        let rows = |step: &Step| step.rows_for(&band, height);
        let starts = plan.steps.iter();
        let starts = starts.map(|step| rows(step).start - step.lead as isize);
        let (first, end) = (band.start as isize, band.end as isize);
        for y in starts.min().unwrap_or(first)..end {
            for step in &plan.steps {
                let row = y + step.lead as isize;
                if rows(step).contains(&row) {
                    self.make(plan, step, &source, row);
                }
            }
            if y >= first {
                self.store((y - first) as usize, plan.scale, skipped, destination);
            }
        }
    }

    /// Makes a row of a step.
    fn make(&mut self, plan: &Plan, step: &Step, source: &Plane<S>, row: isize) {
        match &step.operation {
            Operation::Load => {
                let samples = source.row(row as usize);
                let ring = &mut self.planes[0];
                S::load(
                    samples,
                    source.layout().step,
                    plan.depth,
                    ring.raw_mut(0, row),
                );
                ring.extend(0, row, self.width, step.margin);
            }
            Operation::Rc {
                input,
                modules,
                map,
            } => {
                let (input, map) = (&self.planes[*input], &mut self.maps[*map]);
                let at = |offset| input.at(0, row, offset);
                let (output, stride) = map.raw_all_mut(row);
                modules.make(at, self.width, &mut self.rc_sums, output, stride);
                for plane in 0..modules.planes() {
                    map.extend(plane, row, self.width, step.margin);
                }
            }
            Operation::Fold {
                inputs,
                kernel,
                unfold,
                fold,
            } => {
                let distance = unfold.distance() as i32;
                let corners = [(0, -distance), (0, 0), (distance, -distance), (distance, 0)];
                let rows: [_; MOST_TABLES] = std::array::from_fn(|table| {
                    let input = &self.planes[inputs[table.min(inputs.len() - 1)]];
                    corners.map(|offset| input.at(0, row, offset))
                });
                let squares = self.width + unfold.distance();
                let (outputs, stride) = self.folds[*fold].raw_all_mut(row);
                kernel.look_up(&rows[..inputs.len()], squares, outputs, stride);
            }
            Operation::Stage {
                parts,
                finish,
                plane,
            } => {
                self.sum(parts, finish, row);
                let sums = &self.sums[..finish.groups() * self.group_length(finish)];
                let width = self.width;
                match plane {
                    Some(plane) => {
                        let output = self.planes[*plane].raw_mut(0, row);
                        finish.rows(sums, width, output);
                        self.planes[*plane].extend(0, row, width, step.margin);
                    }
                    None => finish.rows(sums, width, &mut self.finished),
                }
            }
        }
    }

    /// Sums that a part of a stage's row has.
    fn group_length(&self, finish: &Finish) -> usize {
        slots(finish.side()) * padded_width(self.width)
    }

    /// Sums a stage's look-ups for a row, part by part.
    fn sum(&mut self, parts: &[Vec<Source>], finish: &Finish, row: isize) {
        let length = self.group_length(finish);
        let width = self.width;
        let folds = &self.folds;
        let fold_rows =
            |fold: usize| move |number, above: usize| folds[fold].raw(number, row - above as isize);
        for (sources, sums) in parts.iter().zip(self.sums.chunks_exact_mut(length)) {
            let mut sources = sources.as_slice();
            if let [Source::Fold { fold, unfold }, others @ ..] = sources {
                unfold.set(fold_rows(*fold), width, sums);
                sources = others;
            } else {
                sums.fill(S::Sum::default());
            }
            for source in sources {
                match source {
                    Source::Plane { plane, kernel } => {
                        let ring = &self.planes[*plane];
                        let inputs = kernel.offsets();
                        let inputs = inputs.map(|axes| axes.map(|offset| ring.at(0, row, offset)));
                        kernel.add(&inputs, width, sums);
                    }
                    Source::Map {
                        map,
                        module,
                        kernel,
                    } => {
                        let ring = &self.maps[*map];
                        let inputs = std::array::from_fn(|rotation| {
                            let plane = 4 * module + rotation;
                            kernel.offsets()[rotation].map(|offset| ring.at(plane, row, offset))
                        });
                        kernel.add(&inputs, width, sums);
                    }
                    Source::Point {
                        map,
                        module,
                        kernel,
                    } => {
                        let ring = &self.maps[*map];
                        let inputs =
                            std::array::from_fn(|rotation| ring.raw(4 * module + rotation, row));
                        kernel.add(&inputs, width, sums);
                    }
                    Source::Fold { fold, unfold } => unfold.add(fold_rows(*fold), width, sums),
                }
            }
        }
    }

    /// Copies the finished rows of a source row, counted from the area's first, to where they belong, without their
    /// first samples.
    fn store(&self, row: usize, scale: usize, skipped: usize, destination: &mut PlaneMut<S>) {
        let step = destination.layout().step;
        let length = self.finished.len() / scale;
        for (sub_row, finished) in self.finished.chunks_exact(length).enumerate() {
            let finished = &finished[skipped..];
            let samples = destination.row_mut(row * scale + sub_row);
            if step == 1 {
                samples.copy_from_slice(&finished[..samples.len()]);
                continue;
            }
            for (to, from) in samples.iter_mut().step_by(step).zip(finished) {
                *to = *from;
            }
        }
    }
}

/// Rows of a band for a plane of `height` rows: equal shares for all threads, and if the halo stays a small part of the
/// work several for each, since the slowest thread holds up the others by one band at most.
#[must_use]
pub fn band_rows(height: usize, halo: usize, threads: usize) -> usize {
    /// Bands for each thread at most.
    const BANDS: usize = 4;
    /// Rows of the plane for each row of a halo; fewer than three of a hundred are then made twice.
    const ROWS: usize = 34;
    if threads == 1 {
        return height;
    }
    let fits = |bands: &usize| (bands * threads - 1) * halo * ROWS <= height;
    let bands = (1..=BANDS).rev().find(fits).unwrap_or(1);
    height.div_ceil(bands * threads)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::engine::{Cpu, Model};

    #[test]
    fn bands_are_equal_shares_for_all_threads() {
        for threads in 2..=16 {
            for halo in 0..40 {
                for height in [threads, 64, 577, 1080, 2160].map(|height| height.max(threads)) {
                    let rows = band_rows(height, halo, threads);
                    let bands = height.div_ceil(rows);
                    let most = bands.div_ceil(threads) * rows;
                    // Rounding up costs a thread less than a row for each of its bands.
                    assert!(
                        most < height.div_ceil(threads) + bands.div_ceil(threads),
                        "{height} rows, halo {halo}: {bands} bands of {rows} for {threads} threads"
                    );
                }
            }
        }
    }

    #[test]
    fn at_1080_rows_two_threads_make_few_rows_twice() {
        let height = 1080;
        for (family, scale) in [("rclut", 2), ("rclut", 3), ("rclut", 4), ("srlut", 2)] {
            let model = Model::builtin(family, scale).unwrap();
            let plan = Plan::new(&model, 8, Cpu::Portable);
            let rows = band_rows(height, plan.halo(), 2);
            assert!(height.div_ceil(rows) >= 2, "{family}: both threads work");
            let made = |band: Range<usize>| -> usize {
                let steps = plan.steps.iter();
                steps.map(|step| step.rows_for(&band, height).len()).sum()
            };
            let bands = (0..height).step_by(rows);
            let in_bands: usize = bands
                .map(|first| made(first..height.min(first + rows)))
                .sum();
            let at_once = made(0..height);
            assert!(
                (in_bands - at_once) * 100 <= 3 * at_once,
                "{family} x{scale}: {in_bands} rows in bands of {rows}, {at_once} at once"
            );
        }
    }
}
