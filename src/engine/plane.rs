//! Borrowed views of 8-bit and 16-bit planes with strides, and of one component of a packed frame.

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

    /// The first `columns` columns.
    ///
    /// # Panics
    /// If there are fewer, or `columns` is 0.
    pub fn left(&mut self, columns: usize) -> PlaneMut<'_, T> {
        let layout = self.layout;
        assert!(
            (1..=layout.width).contains(&columns),
            "{columns} columns of {}",
            layout.width
        );
        PlaneMut {
            data: self.data,
            layout: Layout {
                width: columns,
                ..layout
            },
        }
    }

    /// The plane cut into bands of `rows` rows, the last one shorter where they do not divide; each comes with its
    /// first row.
    ///
    /// # Panics
    /// If `rows` is 0.
    pub fn bands(&mut self, rows: usize) -> impl Iterator<Item = (usize, PlaneMut<'_, T>)> {
        assert!(rows > 0, "a band has rows");
        let layout = self.layout;
        let mut rest = &mut *self.data;
        (0..layout.height).step_by(rows).map(move |first| {
            let height = rows.min(layout.height - first);
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
            (
                first,
                PlaneMut {
                    data,
                    layout: Layout { height, ..layout },
                },
            )
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
