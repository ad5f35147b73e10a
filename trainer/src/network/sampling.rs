//! The pixels that a unit reads: offsets from each pixel, fixed or learned, in all four rotations at once.

use gstrclut::engine::model::{MAX_OFFSET, Offset, rotate_offset};
use tch::{
    Device, Kind, Tensor,
    nn::{self, Init},
};

/// Where a unit reads, in the rotated frame.
pub enum Taps {
    /// Whole pixels: one or four `(dy, dx)`.
    Fixed(Vec<Offset>),
    /// `[4, 2]` offsets, read bilinearly so that they can be learned; conversion rounds them.
    Learned(Tensor),
}

/// What learned offsets start from: a column, the shape of the published `4x1` unit. The half pixels let every
/// offset feel its neighbours on both sides.
const COLUMN: [f32; 8] = [0.0, 0.0, 1.0, 0.5, 2.0, 0.5, 3.0, 0.5];

/// Planes with their border repeated `reach` pixels further on all sides.
pub(super) struct Padded {
    planes: Tensor,
    reach: i64,
    height: i64,
    width: i64,
}

impl Padded {
    /// From `[batch, planes, height, width]`.
    pub(super) fn new(planes: &Tensor, reach: i64) -> Self {
        let (_, _, height, width) = planes.size4().expect("planes have four dimensions");
        Self {
            planes: planes.replication_pad2d([reach; 4]),
            reach,
            height,
            width,
        }
    }

    /// Other planes, computed from the padded ones pixel by pixel.
    pub(super) fn map(&self, planes: impl FnOnce(&Tensor) -> Tensor) -> Self {
        Self {
            planes: planes(&self.planes),
            ..*self
        }
    }

    /// The planes, border and all.
    pub(super) fn planes(&self) -> &Tensor {
        &self.planes
    }

    /// What each pixel sees in one plane at an offset given in the frame of a rotation: `[batch, height, width]`.
    pub(super) fn at(&self, plane: i64, offset: Offset, rotation: usize) -> Tensor {
        let (dy, dx) = rotate_offset(rotation, offset);
        self.planes
            .select(1, plane)
            .narrow(1, self.reach + i64::from(dy), self.height)
            .narrow(2, self.reach + i64::from(dx), self.width)
    }

    /// As [`Padded::at`], in the only plane, or in the plane of the rotation.
    fn turned(&self, offset: Offset, rotation: usize) -> Tensor {
        let last = self.planes.size()[1] - 1;
        self.at(last.min(rotation as i64), offset, rotation)
    }
}

impl Taps {
    /// Four offsets to learn.
    #[must_use]
    pub fn learned(path: &nn::Path) -> Self {
        let offsets = path.var("offsets", &[4, 2], Init::Const(0.0));
        tch::no_grad(|| {
            let start = Tensor::from_slice(&COLUMN).view([4, 2]);
            offsets.shallow_clone().copy_(&start);
        });
        Self::Learned(offsets)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(offsets) => offsets.len(),
            Self::Learned(_) => 4,
        }
    }

    /// Whether there are none; never so for a valid branch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The offsets in whole pixels, within what the format allows.
    #[must_use]
    pub fn rounded(&self) -> Vec<Offset> {
        match self {
            Self::Fixed(offsets) => offsets.clone(),
            Self::Learned(offsets) => {
                let rounded = offsets.detach().round();
                let rounded = whole(&rounded);
                rounded.chunks(2).map(|pair| (pair[0], pair[1])).collect()
            }
        }
    }

    /// Rounds learned offsets, which from now on are neither trained nor read between pixels.
    pub(super) fn freeze(&mut self) {
        let rounded = self.rounded();
        if let Self::Learned(offsets) = self {
            let values: Vec<f32> = rounded
                .iter()
                .flat_map(|(dy, dx)| [*dy as f32, *dx as f32])
                .collect();
            let mut offsets = offsets.set_requires_grad(false);
            offsets.copy_(&Tensor::from_slice(&values).view([4, 2]));
        }
        *self = Self::Fixed(rounded);
    }

    /// Planes `[batch, 1 or 4, height, width]` to `[taps, 4 * batch * height * width]` values; of the positions the
    /// rotation varies slowest.
    pub(super) fn sample(&self, planes: &Tensor) -> Tensor {
        let values = match self {
            Self::Fixed(offsets) => sample_whole(planes, offsets),
            Self::Learned(offsets) => sample_between(planes, offsets),
        };
        values.view([self.len() as i64, -1])
    }
}

fn sample_whole(planes: &Tensor, offsets: &[Offset]) -> Tensor {
    let padded = Padded::new(planes, reach(offsets));
    let taps = offsets
        .iter()
        .flat_map(|tap| (0..4).map(|r| padded.turned(*tap, r)));
    Tensor::stack(&taps.collect::<Vec<_>>(), 0)
}

/// Bilinear between the four pixels around each offset. Rotations take the pixel grid to itself, so the weights are
/// those of the rotated frame.
fn sample_between(planes: &Tensor, offsets: &Tensor) -> Tensor {
    let limit = f64::from(MAX_OFFSET);
    let offsets = offsets.clamp(-limit, limit);
    let below = offsets.detach().floor();
    let fractions = &offsets - &below;
    let corners = whole(&below);
    let corners: Vec<Offset> = corners.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let padded = Padded::new(planes, reach(&corners) + 1);
    let taps = corners.iter().enumerate().flat_map(|(tap, (dy, dx))| {
        let fraction = |axis: i64| fractions.get(tap as i64).get(axis);
        let (down, right) = (fraction(0), fraction(1));
        let padded = &padded;
        (0..4).map(move |rotation| {
            let at = |y: i32, x: i32| padded.turned((dy + y, dx + x), rotation);
            let top = at(0, 0) + (at(0, 1) - at(0, 0)) * &right;
            let bottom = at(1, 0) + (at(1, 1) - at(1, 0)) * &right;
            &top + (bottom - &top) * &down
        })
    });
    Tensor::stack(&taps.collect::<Vec<_>>(), 0)
}

/// Whole numbers to integers.
fn whole(values: &Tensor) -> Vec<i32> {
    let limit = f64::from(MAX_OFFSET);
    let values = values.clamp(-limit, limit).to_kind(Kind::Int);
    Vec::try_from(values.to_device(Device::Cpu).flatten(0, -1)).expect("a vector of integers")
}

fn reach(offsets: &[Offset]) -> i64 {
    let furthest = offsets.iter().map(|(dy, dx)| dy.abs().max(dx.abs())).max();
    i64::from(furthest.unwrap_or(0))
}
