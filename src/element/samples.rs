//! Samples that do not lie in memory as the engine reads them: unpacked to a plane of their own, and packed back.

use crate::engine::plane::{Layout, PlaneError};
use crate::engine::{Plane, PlaneMut, UpscaleError, Workers};

use super::format::{Bits, Component, Order};

/// Bits of an unpacked sample that is stored with fewer than 8, spread over the whole range.
const WIDENED_DEPTH: u32 = 16;

/// Bits of a sample that shares four bytes with the two beside it.
const THIRD_DEPTH: usize = 10;

/// Rows that a thread unpacks or packs at a time.
const BAND_ROWS: usize = 16;

/// Processor cycles for one sample, roughly; decides how many threads pay.
const CYCLES_PER_SAMPLE: usize = 4;

impl Component {
    /// Bits of a sample as the engine sees it.
    pub fn working_depth(&self) -> u32 {
        match self.depth {
            ..8 => WIDENED_DEPTH,
            depth => depth,
        }
    }
}

/// Samples of `depth` bits, and which bits of memory they are.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    pub bits: Bits,
    pub depth: u32,
    /// No other component of the same bytes has been written yet: what is not this one's is cleared.
    pub is_first: bool,
}

impl Packing {
    /// The samples of a plane of `layout`, which counts bytes: where they lie if the engine can read them there, else
    /// unpacked.
    ///
    /// # Errors
    /// [`PlaneError`] if `bytes` are too few or rows overlap.
    pub fn read<'a>(
        &self,
        bytes: &'a [u8],
        layout: Layout,
        unpacked: &'a mut Vec<u16>,
        workers: &Workers,
    ) -> Result<Plane<'a, u16>, PlaneError> {
        let Layout { width, height, .. } = layout;
        let rows = Plane::new(bytes, self.row_bytes(layout), height, layout.stride)?;
        if let Some(words) = self.native(layout)
            && let Ok(samples) = bytemuck::try_cast_slice(&bytes[..bytes.len() / 2 * 2])
        {
            return Plane::with_layout(samples, words);
        }
        unpacked.resize(width * height, 0);
        let mut samples = PlaneMut::new(unpacked, width, height, width)?;
        let bands = samples.bands(BAND_ROWS);
        workers.run(
            &mut hands(workers, layout),
            bands,
            |(), (first, mut band)| {
                for y in 0..band.height() {
                    self.unpack(rows.row(first + y), layout.step, band.row_mut(y));
                }
            },
        );
        Plane::new(unpacked, width, height, width)
    }

    /// Has `make` fill a plane as [`Packing::read`] gives it, and packs what it made.
    ///
    /// # Errors
    /// As [`Packing::read`], and inside that what `make` says.
    pub fn write(
        &self,
        bytes: &mut [u8],
        layout: Layout,
        unpacked: &mut Vec<u16>,
        workers: &Workers,
        make: impl FnOnce(&mut PlaneMut<u16>) -> Result<(), UpscaleError>,
    ) -> Result<Result<(), UpscaleError>, PlaneError> {
        let Layout { width, height, .. } = layout;
        let whole = bytes.len() / 2 * 2;
        if let Some(words) = self.native(layout)
            && let Ok(samples) = bytemuck::try_cast_slice_mut(&mut bytes[..whole])
        {
            return PlaneMut::with_layout(samples, words).map(|mut plane| make(&mut plane));
        }
        let mut rows = PlaneMut::new(bytes, self.row_bytes(layout), height, layout.stride)?;
        unpacked.resize(width * height, 0);
        let made = make(&mut PlaneMut::new(unpacked, width, height, width)?);
        let samples = Plane::new(unpacked, width, height, width)?;
        let bands = rows.bands(BAND_ROWS);
        workers.run(
            &mut hands(workers, layout),
            bands,
            |(), (first, mut band)| {
                for y in 0..band.height() {
                    self.pack(samples.row(first + y), layout.step, band.row_mut(y));
                }
            },
        );
        Ok(made)
    }

    /// The layout counted in samples, if these can be used where they lie.
    fn native(&self, layout: Layout) -> Option<Layout> {
        let order = match cfg!(target_endian = "little") {
            true => Order::Little,
            false => Order::Big,
        };
        let is_native = self.bits == Bits::Word { shift: 0, order };
        let is_even = layout.stride.is_multiple_of(2) && layout.step.is_multiple_of(2);
        (is_native && is_even).then_some(Layout {
            stride: layout.stride / 2,
            step: layout.step / 2,
            ..layout
        })
    }

    /// Bytes of a row from its first sample's first to its last sample's last.
    fn row_bytes(&self, layout: Layout) -> usize {
        match self.bits {
            Bits::Word { .. } => (layout.width - 1) * layout.step + 2,
            Bits::Part { .. } => (layout.width - 1) * layout.step + 4,
            Bits::Third => layout.width.div_ceil(3) * 4,
        }
    }

    fn unpack(&self, row: &[u8], step: usize, samples: &mut [u16]) {
        let mask = mask(self.depth);
        match self.bits {
            Bits::Word { shift, order } => read(row, step, samples, |bytes| match order {
                Order::Little => u16::from_le_bytes(bytes) >> shift & mask,
                Order::Big => u16::from_be_bytes(bytes) >> shift & mask,
            }),
            Bits::Part { shift, order } => read(row, step, samples, |bytes| {
                let part = (order.read(bytes) >> shift) as u16 & mask;
                widen(part, self.depth)
            }),
            Bits::Third => {
                for (samples, bytes) in samples.chunks_mut(3).zip(row.as_chunks().0) {
                    let word = u32::from_le_bytes(*bytes);
                    for (third, sample) in samples.iter_mut().enumerate() {
                        *sample = (word >> (third * THIRD_DEPTH)) as u16 & mask;
                    }
                }
            }
        }
    }

    fn pack(&self, samples: &[u16], step: usize, row: &mut [u8]) {
        match self.bits {
            Bits::Word { shift, order } => write(row, step, samples, |_, sample| match order {
                Order::Little => (sample << shift).to_le_bytes(),
                Order::Big => (sample << shift).to_be_bytes(),
            }),
            Bits::Part { shift, order } => {
                let others = match self.is_first {
                    true => 0,
                    false => !(u32::from(mask(self.depth)) << shift),
                };
                write(row, step, samples, |bytes, sample| {
                    let part = u32::from(narrow(sample, self.depth)) << shift;
                    order.write(order.read(bytes) & others | part)
                });
            }
            Bits::Third => {
                for (samples, bytes) in samples.chunks(3).zip(row.as_chunks_mut().0) {
                    let thirds = samples.iter().enumerate();
                    let thirds = thirds.map(|(k, sample)| u32::from(*sample) << (k * THIRD_DEPTH));
                    *bytes = thirds.fold(0, |word, third| word | third).to_le_bytes();
                }
            }
        }
    }
}

/// As many as can usefully unpack or pack a plane.
fn hands(workers: &Workers, layout: Layout) -> Vec<()> {
    let cycles = layout.width * layout.height * CYCLES_PER_SAMPLE;
    vec![(); workers.paying(cycles)]
}

/// Each sample is the value of the first `N` bytes of its pixel, one pixel every `step` bytes.
fn read<const N: usize>(
    row: &[u8],
    step: usize,
    samples: &mut [u16],
    value: impl Fn([u8; N]) -> u16,
) {
    // Where nothing lies between samples the compiler makes vectors of them.
    if step == N {
        for (sample, bytes) in samples.iter_mut().zip(row.as_chunks().0) {
            *sample = value(*bytes);
        }
        return;
    }
    for (sample, pixel) in samples.iter_mut().zip(row.chunks(step)) {
        *sample = value(*pixel.first_chunk().expect("a row ends with a whole sample"));
    }
}

/// The other way: the first `N` bytes of each pixel become what those there and the sample give.
fn write<const N: usize>(
    row: &mut [u8],
    step: usize,
    samples: &[u16],
    bytes: impl Fn([u8; N], u16) -> [u8; N],
) {
    if step == N {
        for (sample, at) in samples.iter().zip(row.as_chunks_mut().0) {
            *at = bytes(*at, *sample);
        }
        return;
    }
    for (sample, pixel) in samples.iter().zip(row.chunks_mut(step)) {
        let at = pixel.first_chunk_mut();
        let at = at.expect("a row ends with a whole sample");
        *at = bytes(*at, *sample);
    }
}

impl Order {
    fn read(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    fn write(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

fn mask(depth: u32) -> u16 {
    u16::MAX >> (16 - depth)
}

/// Black stays black and white becomes white of [`WIDENED_DEPTH`].
fn widen(value: u16, depth: u32) -> u16 {
    match depth {
        ..8 => value * (mask(WIDENED_DEPTH) / mask(depth)),
        _ => value,
    }
}

/// The nearest of the values that [`widen`] gives.
fn narrow(value: u16, depth: u32) -> u16 {
    match depth {
        ..8 => {
            let unit = u32::from(mask(WIDENED_DEPTH) / mask(depth));
            ((u32::from(value) + unit / 2) / unit) as u16
        }
        _ => value,
    }
}
