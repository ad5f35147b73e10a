//! Samples that do not lie in memory as the engine reads them: unpacked to a plane of their own, and packed back.

use crate::engine::plane::{Layout, PlaneError};
use crate::engine::{Plane, PlaneMut, UpscaleError};

use super::format::{Component, Order, Storage};

/// Bits of an unpacked sample that is stored with fewer than 8, spread over the whole range.
const WIDENED_DEPTH: u32 = 16;

impl Component {
    /// Bits of a sample as the engine sees it.
    pub fn working_depth(&self) -> u32 {
        match self.depth {
            ..8 => WIDENED_DEPTH,
            depth => depth,
        }
    }

    /// The samples of a plane of `layout`, which counts bytes: where they lie if the engine can read them there, else
    /// unpacked.
    ///
    /// # Errors
    /// [`PlaneError`] if `bytes` are too few or rows overlap.
    pub fn words<'a>(
        &self,
        bytes: &'a [u8],
        layout: Layout,
        unpacked: &'a mut Vec<u16>,
    ) -> Result<Plane<'a, u16>, PlaneError> {
        self.check(bytes, layout)?;
        if let Some(words) = self.native(layout)
            && let Ok(samples) = bytemuck::try_cast_slice(&bytes[..bytes.len() / 2 * 2])
        {
            return Plane::with_layout(samples, words);
        }
        unpacked.resize(layout.width * layout.height, 0);
        unpack(self, bytes, layout, unpacked);
        Plane::new(unpacked, layout.width, layout.height, layout.width)
    }

    /// Has `write` fill a plane as [`Component::words`] gives it, and packs what it wrote. `is_first` of the components that
    /// share a pixel's bytes clears what is not its own.
    ///
    /// # Errors
    /// As [`Component::words`], and inside that what `write` says.
    pub fn write_words(
        &self,
        bytes: &mut [u8],
        layout: Layout,
        unpacked: &mut Vec<u16>,
        is_first: bool,
        write: impl FnOnce(&mut PlaneMut<u16>) -> Result<(), UpscaleError>,
    ) -> Result<Result<(), UpscaleError>, PlaneError> {
        self.check(bytes, layout)?;
        let whole = bytes.len() / 2 * 2;
        if let Some(words) = self.native(layout)
            && let Ok(samples) = bytemuck::try_cast_slice_mut(&mut bytes[..whole])
        {
            return PlaneMut::with_layout(samples, words).map(|mut plane| write(&mut plane));
        }
        unpacked.resize(layout.width * layout.height, 0);
        let mut plane = PlaneMut::new(unpacked, layout.width, layout.height, layout.width)?;
        let written = write(&mut plane);
        pack(self, unpacked, bytes, layout, is_first);
        Ok(written)
    }

    /// The layout counted in samples, if these can be used where they lie.
    fn native(&self, layout: Layout) -> Option<Layout> {
        let order = match cfg!(target_endian = "little") {
            true => Order::Little,
            false => Order::Big,
        };
        let is_native = self.storage == Storage::Word { shift: 0, order };
        let is_even = layout.stride.is_multiple_of(2) && layout.step.is_multiple_of(2);
        (is_native && is_even).then_some(Layout {
            stride: layout.stride / 2,
            step: layout.step / 2,
            ..layout
        })
    }

    /// That every byte of every sample is there, and in no other row.
    fn check(&self, bytes: &[u8], layout: Layout) -> Result<(), PlaneError> {
        let sample = match self.storage {
            Storage::Byte => 1,
            Storage::Word { .. } => 2,
            Storage::Part { .. } => 4,
        };
        let width = (layout.width - 1) * layout.step + sample;
        Plane::new(bytes, width, layout.height, layout.stride).map(drop)
    }
}

/// Unpacks the samples of a plane of `layout`, which counts bytes, to rows without gaps.
fn unpack(component: &Component, bytes: &[u8], layout: Layout, samples: &mut [u16]) {
    let rows = bytes
        .chunks(layout.stride)
        .zip(samples.chunks_mut(layout.width));
    for (bytes, samples) in rows {
        let pixels = samples.iter_mut().zip(bytes.chunks(layout.step));
        match component.storage {
            Storage::Byte => pixels.for_each(|(sample, at)| *sample = at[0].into()),
            Storage::Word { shift, order } => {
                let mask = mask(component.depth);
                pixels.for_each(|(sample, at)| *sample = word(at, order) >> shift & mask);
            }
            Storage::Part { shift, order } => {
                let mask = u32::from(mask(component.depth));
                pixels.for_each(|(sample, at)| {
                    let value = (part(at, order) >> shift & mask) as u16;
                    *sample = widen(value, component.depth);
                });
            }
        }
    }
}

/// Packs rows without gaps into a plane of `layout`, which counts bytes.
fn pack(component: &Component, samples: &[u16], bytes: &mut [u8], layout: Layout, is_first: bool) {
    let rows = bytes
        .chunks_mut(layout.stride)
        .zip(samples.chunks(layout.width));
    for (bytes, samples) in rows {
        let pixels = samples.iter().zip(bytes.chunks_mut(layout.step));
        match component.storage {
            Storage::Byte => pixels.for_each(|(sample, at)| at[0] = *sample as u8),
            Storage::Word { shift, order } => pixels.for_each(|(sample, at)| {
                at[..2].copy_from_slice(&match order {
                    Order::Little => (sample << shift).to_le_bytes(),
                    Order::Big => (sample << shift).to_be_bytes(),
                });
            }),
            Storage::Part { shift, order } => {
                let others = match is_first {
                    true => 0,
                    false => !(u32::from(mask(component.depth)) << shift),
                };
                pixels.for_each(|(sample, at)| {
                    let value = u32::from(narrow(*sample, component.depth)) << shift;
                    let packed = part(at, order) & others | value;
                    at[..4].copy_from_slice(&match order {
                        Order::Little => packed.to_le_bytes(),
                        Order::Big => packed.to_be_bytes(),
                    });
                });
            }
        }
    }
}

fn mask(depth: u32) -> u16 {
    u16::MAX >> (16 - depth)
}

fn word(at: &[u8], order: Order) -> u16 {
    let bytes = [at[0], at[1]];
    match order {
        Order::Little => u16::from_le_bytes(bytes),
        Order::Big => u16::from_be_bytes(bytes),
    }
}

fn part(at: &[u8], order: Order) -> u32 {
    let bytes = [at[0], at[1], at[2], at[3]];
    match order {
        Order::Little => u32::from_le_bytes(bytes),
        Order::Big => u32::from_be_bytes(bytes),
    }
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
