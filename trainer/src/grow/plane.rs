//! Planes with a margin around them: a read beside a pixel needs no test for the border, nor does its gradient.

use gstrclut::engine::model::{Border, Offset};

/// Samples of a plane, or their gradients, with `margin` more on every side.
#[derive(Clone, Debug)]
pub struct Padded {
    width: usize,
    height: usize,
    margin: usize,
    data: Vec<f32>,
}

impl Padded {
    /// A plane of zeros.
    #[must_use]
    pub fn zeros(width: usize, height: usize, margin: usize) -> Self {
        let data = vec![0.0; (width + 2 * margin) * (height + 2 * margin)];
        Self {
            width,
            height,
            margin,
            data,
        }
    }

    /// A plane of `width` x `height` samples, its margin filled by the border rule (ARITHMETIC section 2).
    #[must_use]
    pub fn new(
        samples: &[f32],
        (width, height): (usize, usize),
        margin: usize,
        border: Border,
    ) -> Self {
        let mut plane = Self::zeros(width, height, margin);
        for (y, samples) in samples.chunks_exact(width).enumerate() {
            plane.row_mut(y, (0, 0)).copy_from_slice(samples);
        }
        plane.fill_margin(border);
        plane
    }

    /// Samples in a row and rows, without the margin.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Width of the margin.
    #[must_use]
    pub fn margin(&self) -> usize {
        self.margin
    }

    /// For each pixel of row `y`, the sample at an offset from it.
    #[inline(always)]
    #[must_use]
    pub fn row(&self, y: usize, offset: Offset) -> &[f32] {
        &self.data[self.index(y, offset)..][..self.width]
    }

    /// As [`Padded::row`], to write.
    #[inline(always)]
    pub fn row_mut(&mut self, y: usize, offset: Offset) -> &mut [f32] {
        let start = self.index(y, offset);
        &mut self.data[start..][..self.width]
    }

    /// All samples, the margin's too.
    #[inline(always)]
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Where in the data the sample lies that row `y`'s first pixel reads at an offset.
    #[inline(always)]
    #[must_use]
    pub fn index(&self, y: usize, (dy, dx): Offset) -> usize {
        let row = (y + self.margin).wrapping_add_signed(dy as isize);
        row * self.stride() + self.margin.wrapping_add_signed(dx as isize)
    }

    /// The samples without the margin, row by row.
    #[must_use]
    pub fn samples(&self) -> Vec<f32> {
        (0..self.height)
            .flat_map(|y| self.row(y, (0, 0)))
            .copied()
            .collect()
    }

    /// Copies to the margin the pixels that the border rule gives it.
    pub fn fill_margin(&mut self, border: Border) {
        for (outside, inside) in self.margin_pairs(border) {
            self.data[outside] = self.data[inside];
        }
    }

    /// The transpose of [`Padded::fill_margin`]: adds the margin's gradients to the pixels it repeats.
    pub fn fold_margin(&mut self, border: Border) {
        for (outside, inside) in self.margin_pairs(border) {
            self.data[inside] += self.data[outside];
        }
    }

    fn stride(&self) -> usize {
        self.width + 2 * self.margin
    }

    /// For each sample of the margin, its index and that of the pixel it repeats.
    fn margin_pairs(&self, border: Border) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Self {
            width,
            height,
            margin,
            ..
        } = *self;
        let stride = self.stride();
        let rows = 0..height + 2 * margin;
        rows.flat_map(move |row| {
            let inside_row = repeated(row, margin, height, border);
            let middle = row == inside_row;
            // A row of the image has two short margins, left and right; any other is margin throughout.
            let columns = 0..stride;
            let columns = columns
                .filter(move |column| !middle || *column < margin || *column >= margin + width);
            columns.map(move |column| {
                let inside_column = repeated(column, margin, width, border);
                (row * stride + column, inside_row * stride + inside_column)
            })
        })
    }
}

/// The padded coordinate inside the image that a padded coordinate repeats (ARITHMETIC section 2).
fn repeated(coordinate: usize, margin: usize, length: usize, border: Border) -> usize {
    let last = length as isize - 1;
    let position = coordinate as isize - margin as isize;
    let inside = match border {
        Border::Reflect if last > 0 => {
            let position = position.rem_euclid(2 * last);
            position.min(2 * last - position)
        }
        Border::Edge | Border::Reflect => position.clamp(0, last),
    };
    inside as usize + margin
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (usize, usize) = (3, 2);

    #[test]
    fn margins_follow_the_border_rule() {
        let samples = [1., 2., 3., 4., 5., 6.];
        let edge = Padded::new(&samples, SIZE, 2, Border::Edge);
        assert_eq!(edge.row(0, (-2, -2)), [1., 1., 1.]);
        assert_eq!(edge.row(1, (1, 2)), [6., 6., 6.]);
        let reflect = Padded::new(&samples, SIZE, 2, Border::Reflect);
        assert_eq!(reflect.row(0, (-1, -2)), [6., 5., 4.]);
        assert_eq!(reflect.row(1, (2, 2)), [6., 5., 4.]);
        assert_eq!(reflect.samples(), samples);
    }

    #[test]
    fn folding_is_the_transpose_of_filling() {
        // <fill(x), g> = <x, fold(g)> for every x and g.
        for border in [Border::Edge, Border::Reflect] {
            let samples: Vec<f32> = (0..6).map(|i| (i * i) as f32).collect();
            let filled = Padded::new(&samples, SIZE, 2, border);
            let mut gradient = Padded::zeros(SIZE.0, SIZE.1, 2);
            for (i, value) in gradient.data_mut().iter_mut().enumerate() {
                *value = ((i * 7) % 5) as f32;
            }
            let product: f32 = filled
                .data
                .iter()
                .zip(&gradient.data)
                .map(|(a, b)| a * b)
                .sum();
            gradient.fold_margin(border);
            let folded = gradient.samples();
            assert_eq!(
                samples.iter().zip(&folded).map(|(a, b)| a * b).sum::<f32>(),
                product
            );
        }
    }
}
