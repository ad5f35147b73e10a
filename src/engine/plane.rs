//! Borrowed views of 8-bit and 16-bit planes with strides, and of one component of a packed frame.

use std::iter;

/// Why samples do not make a plane.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "plane of {width}x{height}, stride {stride}, step {step}: found {found} samples, expected {expected}"
)]
pub struct PlaneError {
    width: usize,
    height: usize,
    stride: usize,
    step: usize,
    found: usize,
    expected: String,
}

/// Where the samples of a plane lie in a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Samples in a row, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
    /// Slice elements from one row to the next.
    pub stride: usize,
    /// Slice elements from one sample to the next: 1, or the components of a packed pixel.
    pub step: usize,
}

impl Layout {
    /// Slice elements from the first sample to just past the last.
    fn extent(&self) -> Option<usize> {
        let rows = (self.height - 1).checked_mul(self.stride)?;
        let columns = (self.width - 1).checked_mul(self.step)?;
        rows.checked_add(columns)?.checked_add(1)
    }

    fn check(&self, found: usize) -> Result<(), PlaneError> {
        let error = |expected: String| PlaneError {
            width: self.width,
            height: self.height,
            stride: self.stride,
            step: self.step,
            found,
            expected,
        };
        if self.width == 0 || self.height == 0 || self.step == 0 {
            return Err(error("a width, height and step of at least 1".to_owned()));
        }
        let row = (self.width - 1).saturating_mul(self.step);
        if self.height > 1 && self.stride <= row {
            return Err(error(format!("a stride above {row}")));
        }
        match self.extent() {
            Some(extent) if extent <= found => Ok(()),
            Some(extent) => Err(error(format!("at least {extent}"))),
            None => Err(error("an extent that memory can hold".to_owned())),
        }
    }
}

/// A rectangle of a plane, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

impl Area {
    /// The area that this one becomes when its plane is upscaled.
    #[must_use]
    pub fn times(self, scale: usize) -> Self {
        Self {
            left: self.left * scale,
            top: self.top * scale,
            width: self.width * scale,
            height: self.height * scale,
        }
    }

    /// The area with `reach` samples more on all sides, as far as a plane of this size has them.
    #[must_use]
    pub fn grown(self, reach: usize, width: usize, height: usize) -> Self {
        let grown = |start: usize, length: usize, all: usize| {
            let (from, to) = (start.saturating_sub(reach), start + length + reach);
            (from, to.min(all) - from)
        };
        let (left, width) = grown(self.left, self.width, width);
        let (top, height) = grown(self.top, self.height, height);
        Self {
            left,
            top,
            width,
            height,
        }
    }
}

impl Layout {
    /// Where the samples of an area lie: the index of its first, and how the others follow.
    ///
    /// # Panics
    /// If the area is empty or not all inside.
    fn part(&self, area: Area) -> (usize, Self) {
        let Area {
            left,
            top,
            width,
            height,
        } = area;
        let fits = |start: usize, length: usize, all: usize| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= all)
        };
        assert!(
            fits(left, width, self.width) && fits(top, height, self.height),
            "{area:?} of {self:?}"
        );
        let start = top * self.stride + left * self.step;
        (
            start,
            Self {
                width,
                height,
                ..*self
            },
        )
    }
}

/// A plane to read. `T` is `u8`, or `u16` with the significant bits low.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a, T> {
    data: &'a [T],
    layout: Layout,
}

/// A plane to write.
#[derive(Debug)]
pub struct PlaneMut<'a, T> {
    data: &'a mut [T],
    layout: Layout,
}

impl<'a, T> Plane<'a, T> {
    /// A plane of `width` x `height` samples whose rows start `stride` samples apart.
    ///
    /// # Errors
    /// [`PlaneError`] if the slice is too short, a dimension is 0 or rows overlap.
    pub fn new(
        data: &'a [T],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, PlaneError> {
        Self::with_layout(
            data,
            Layout {
                width,
                height,
                stride,
                step: 1,
            },
        )
    }

    /// A plane laid out as `layout` says, its first sample at the slice's start.
    ///
    /// # Errors
    /// As [`Plane::new`].
    pub fn with_layout(data: &'a [T], layout: Layout) -> Result<Self, PlaneError> {
        layout.check(data.len())?;
        Ok(Self { data, layout })
    }

    /// Samples in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layout.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.layout.height
    }

    /// Where the samples lie.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Row `y` from its first sample to its last; sample `x` is at `x * step`.
    ///
    /// # Panics
    /// If `y` is not below the height.
    #[must_use]
    pub fn row(&self, y: usize) -> &'a [T] {
        assert!(y < self.layout.height, "row {y} of {}", self.layout.height);
        let start = y * self.layout.stride;
        &self.data[start..][..(self.layout.width - 1) * self.layout.step + 1]
    }

    /// The samples of an area.
    ///
    /// # Panics
    /// If the area is empty or not all inside.
    #[must_use]
    pub fn part(&self, area: Area) -> Self {
        let (start, layout) = self.layout.part(area);
        let data = &self.data[start..];
        Self { data, layout }
    }

    /// Whether a plane of the same size has the same samples.
    #[must_use]
    pub fn equals(&self, other: &Plane<T>) -> bool
    where
        T: PartialEq,
    {
        let (step, other_step) = (self.layout.step, other.layout.step);
        (self.width(), self.height()) == (other.width(), other.height())
            && (0..self.height()).all(|y| {
                let (row, other) = (self.row(y), other.row(y));
                match (step, other_step) {
                    (1, 1) => row == other,
                    _ => row
                        .iter()
                        .step_by(step)
                        .eq(other.iter().step_by(other_step)),
                }
            })
    }
}

impl<'a, T> PlaneMut<'a, T> {
    /// A plane of `width` x `height` samples whose rows start `stride` samples apart.
    ///
    /// # Errors
    /// As [`Plane::new`].
    pub fn new(
        data: &'a mut [T],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, PlaneError> {
        Self::with_layout(
            data,
            Layout {
                width,
                height,
                stride,
                step: 1,
            },
        )
    }

    /// A plane laid out as `layout` says, its first sample at the slice's start.
    ///
    /// # Errors
    /// As [`Plane::new`].
    pub fn with_layout(data: &'a mut [T], layout: Layout) -> Result<Self, PlaneError> {
        layout.check(data.len())?;
        Ok(Self { data, layout })
    }

    /// Samples in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layout.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.layout.height
    }

    /// Where the samples lie.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Row `y` from its first sample to its last; sample `x` is at `x * step`.
    ///
    /// # Panics
    /// If `y` is not below the height.
    pub fn row_mut(&mut self, y: usize) -> &mut [T] {
        assert!(y < self.layout.height, "row {y} of {}", self.layout.height);
        let start = y * self.layout.stride;
        &mut self.data[start..][..(self.layout.width - 1) * self.layout.step + 1]
    }

    /// The same plane, to read.
    #[must_use]
    pub fn view(&self) -> Plane<'_, T> {
        Plane {
            data: self.data,
            layout: self.layout,
        }
    }

    /// The samples of an area.
    ///
    /// # Panics
    /// If the area is empty or not all inside.
    pub fn part(&mut self, area: Area) -> PlaneMut<'_, T> {
        let (start, layout) = self.layout.part(area);
        let data = &mut self.data[start..];
        PlaneMut { data, layout }
    }

    /// Copies a plane of the same size.
    ///
    /// # Panics
    /// If it has another size.
    pub fn copy(&mut self, from: &Plane<T>)
    where
        T: Copy,
    {
        let (from_step, step) = (from.layout.step, self.layout.step);
        let size = (from.width(), from.height());
        assert_eq!((self.width(), self.height()), size);
        for y in 0..self.height() {
            let (to, from) = (self.row_mut(y), from.row(y));
            if (step, from_step) == (1, 1) {
                to.copy_from_slice(from);
                continue;
            }
            let samples = to.iter_mut().step_by(step);
            samples
                .zip(from.iter().step_by(from_step))
                .for_each(|(to, from)| *to = *from);
        }
    }

    /// The plane cut into bands of `rows` rows, the last one shorter where they do not divide; each comes with its
    /// first row.
    ///
    /// # Panics
    /// If `rows` is 0.
    pub fn bands(&mut self, rows: usize) -> impl Iterator<Item = (usize, PlaneMut<'_, T>)> {
        self.bands_of(iter::repeat(rows))
    }

    /// The plane cut into bands of so many rows each, until there are no more; each comes with its first row.
    ///
    /// # Panics
    /// If a band has no rows.
    pub fn bands_of(
        &mut self,
        heights: impl Iterator<Item = usize>,
    ) -> impl Iterator<Item = (usize, PlaneMut<'_, T>)> {
        let Self { data, layout } = self;
        let (mut rest, layout) = (&mut **data, *layout);
        let bands = heights.scan(0, move |next, rows| {
            assert!(rows > 0, "a band has rows");
            let first = *next;
            let height = rows.min(layout.height - first);
            *next += height;
            (height > 0).then_some((first, height))
        });
        bands.map(move |(first, height)| {
            let all = std::mem::take(&mut rest);
            let is_last = first + height == layout.height;
            // The stride says nothing of the last row, nor of an only one.
            let end = if is_last {
                all.len()
            } else {
                height * layout.stride
            };
            let (data, below) = all.split_at_mut(end);
            rest = below;
            let layout = Layout { height, ..layout };
            (first, PlaneMut { data, layout })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_hold_every_row_once() {
        for rows in 1..=8 {
            let mut data = vec![0u8; 7 * 5 - 2];
            let mut plane = PlaneMut::new(&mut data, 3, 7, 5).unwrap();
            let mut next = 0;
            for (first, mut band) in plane.bands(rows) {
                assert_eq!(first, next);
                next += band.height();
                for y in 0..band.height() {
                    band.row_mut(y)
                        .iter_mut()
                        .for_each(|v| *v += (first + y) as u8 + 1);
                }
            }
            assert_eq!(next, 7);
            for (y, row) in data.chunks(5).enumerate() {
                assert_eq!(row[..3], [y as u8 + 1; 3], "bands of {rows}");
                assert!(row[3..].iter().all(|v| *v == 0), "bands of {rows}");
            }
        }
    }

    #[test]
    fn an_only_row_may_be_longer_than_its_stride() {
        let mut data = [0u8; 3];
        let mut plane = PlaneMut::new(&mut data, 3, 1, 0).unwrap();
        for (_, mut band) in plane.bands(4) {
            band.row_mut(0).fill(1);
        }
        assert_eq!(data, [1; 3]);
    }
}
