//! What the element must make of each component of a frame: the tables by the engine's reference, all else by
//! docs/arithmetic.md section 6 as it is written there.

use gst_video::{VideoFormatInfo, VideoFrameRef, VideoInfo, prelude::*};
use gstrclut::engine::{
    Model,
    reference::{self, Image},
};

/// Bits of alpha that RGB10A2 and its kin have; resampled with sixteen.
const FEW: u32 = 2;

/// How a component is resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Bicubic,
    Bilinear,
}

/// What the properties and caps ask for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The tables; none where bicubic stands in for them.
    pub model: Option<&'a Model>,
    pub scale: usize,
    /// The filter of chroma; none if the tables make it.
    pub chroma: Option<Filter>,
    /// Where the caps say chroma lies: cosited horizontally, vertically.
    pub cosited: (bool, bool),
    pub split: f64,
}

/// One component's samples, as GStreamer itself unpacks them.
pub fn component(buffer: &gst::BufferRef, info: &VideoInfo, component: usize) -> Image {
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
    let format = info.format_info();
    let unpacked = VideoFormatInfo::from_format(format.unpack_format());
    let (columns, rows) = (format.w_sub()[component], format.h_sub()[component]);
    let (width, height) = size(info, component);
    // The binding wants the full height of every plane, but the last row may end with the memory.
    let memory = buffer.map_readable().unwrap();
    let planes = frame.plane_offset().iter().zip(frame.plane_stride());
    let planes: Vec<Vec<u8>> = planes
        .take(frame.n_planes() as usize)
        .map(|(offset, stride)| {
            let length = *stride as usize * info.height() as usize;
            let bytes = memory[*offset..].iter().copied();
            bytes.chain(std::iter::repeat(0)).take(length).collect()
        })
        .collect();
    let planes: Vec<&[u8]> = planes.iter().map(Vec::as_slice).collect();
    let sample_bytes = unpacked.bits() as usize / 8;
    // AYUV and ARGB: alpha comes first.
    let place = (component + 1) % 4 * sample_bytes;
    let mut data = Vec::new();
    for y in 0..height {
        let mut line = vec![0; info.width() as usize * 4 * sample_bytes];
        format.unpack(
            gst_video::VideoPackFlags::empty(),
            &mut line,
            &planes,
            frame.plane_stride(),
            0,
            (y << rows) as i32,
            info.width() as i32,
        );
        data.extend((0..width).map(|x| {
            let at = (x << columns) * 4 * sample_bytes + place;
            match sample_bytes {
                1 => line[at].into(),
                _ => {
                    u16::from_ne_bytes([line[at], line[at + 1]]) >> (16 - format.depth()[component])
                }
            }
        }));
    }
    Image::new(width, height, data)
}

/// The columns and rows of a component.
pub fn size(info: &VideoInfo, component: usize) -> (usize, usize) {
    let (format, number) = (info.format_info(), component as u8);
    let width = format.scale_width(number, info.width());
    let height = format.scale_height(number, info.height());
    (width as usize, height as usize)
}

impl Wanted<'_> {
    /// What the element must make of a component of a frame of `from`, in a frame of `to`.
    pub fn component(
        &self,
        source: &Image,
        from: &VideoInfo,
        to: &VideoInfo,
        number: usize,
    ) -> Image {
        let (format, to) = (from.format_info(), size(to, number));
        let depth = format.depth()[number];
        let is_chroma = !format.is_rgb() && (number == 1 || number == 2);
        let is_multiple = to == (source.width * self.scale, source.height * self.scale);
        let plain = |to| self.resampled(source, to, depth, Filter::Bicubic, (false, false));
        if number == 3 {
            return plain(to);
        }
        if let Some(filter) = self.chroma_filter(is_multiple).filter(|_| is_chroma) {
            let (horizontal, vertical) = self.cosited;
            let cosited = (
                horizontal && format.w_sub()[number] > 0,
                vertical && format.h_sub()[number] > 0,
            );
            return self.resampled(source, to, depth, filter, cosited);
        }
        let columns = (self.split * to.0 as f64).round() as usize;
        let Some(model) = self.model.filter(|_| columns < to.0) else {
            return plain(to);
        };
        let mut made = reference::run(model, source, depth).output().clone();
        if columns > 0 {
            let plain = plain(to);
            for (made, plain) in made.data.chunks_mut(to.0).zip(plain.data.chunks(to.0)) {
                made[..columns].copy_from_slice(&plain[..columns]);
                if !is_chroma {
                    made[columns] = white(depth) as u16;
                }
            }
        }
        made
    }

    /// The tables make exact multiples only.
    fn chroma_filter(&self, is_multiple: bool) -> Option<Filter> {
        match self.chroma {
            None if !is_multiple => Some(Filter::Bicubic),
            filter => filter,
        }
    }

    fn resampled(
        &self,
        source: &Image,
        (width, height): (usize, usize),
        depth: u32,
        filter: Filter,
        cosited: (bool, bool),
    ) -> Image {
        let (unit, depth) = if depth == FEW {
            (0x5555, 16)
        } else {
            (1, depth)
        };
        let sample = |x: usize, y: usize| i64::from(source.data[y * source.width + x]) * unit;
        let columns = taps(width, source.width, self.scale, filter, cosited.0);
        let rows = taps(height, source.height, self.scale, filter, cosited.1);
        let mut data = Vec::new();
        for down in &rows {
            let blended: Vec<i64> = (0..source.width)
                .map(|x| {
                    let sum: i64 = down.iter().map(|(y, weight)| weight * sample(x, *y)).sum();
                    (sum + (1 << 7)) >> 8
                })
                .collect();
            data.extend(columns.iter().map(|along| {
                let sum: i64 = along.iter().map(|(x, weight)| weight * blended[*x]).sum();
                let level = ((sum + (1 << 19)) >> 20).clamp(0, white(depth));
                ((level + unit / 2) / unit) as u16
            }));
        }
        Image::new(width, height, data)
    }
}

fn white(depth: u32) -> i64 {
    (1 << depth) - 1
}

/// For each output sample along an axis, four source samples and their weights in 1/2^14.
fn taps(
    count: usize,
    length: usize,
    scale: usize,
    filter: Filter,
    is_cosited: bool,
) -> Vec<[(usize, i64); 4]> {
    let (length, scale) = (length as i64, scale as i64);
    let unit = 4 * scale;
    let one = 1i64 << 14;
    let half_up = |numerator: i64, denominator: i64| {
        (2 * numerator + denominator).div_euclid(2 * denominator)
    };
    let weights = |n: i64| -> [i64; 4] {
        if filter == Filter::Bilinear {
            let right = half_up(n * one, unit);
            return [0, one - right, right, 0];
        }
        let (n2, n3) = (n * n, n * n * n);
        let cubic = [
            -n3 + 2 * n2 * unit - n * unit * unit,
            3 * n3 - 5 * n2 * unit + 2 * unit * unit * unit,
            -3 * n3 + 4 * n2 * unit + n * unit * unit,
            n3 - n2 * unit,
        ];
        let mut weights = cubic.map(|w| half_up(w * one, 2 * unit * unit * unit));
        let lacking = one - weights.iter().sum::<i64>();
        weights[if weights[1] >= weights[2] { 1 } else { 2 }] += lacking;
        weights
    };
    (0..count as i64)
        .map(|j| {
            // j/s - (s-1)/(4s) cosited, j/s - (s-1)/(2s) centred, in units of 1/(4s).
            let shift = (scale - 1) * if is_cosited { 1 } else { 2 };
            let at = 4 * j - shift;
            let (second, weights) = (at.div_euclid(unit), weights(at.rem_euclid(unit)));
            [0, 1, 2, 3].map(|tap| {
                let source = (second - 1 + tap).clamp(0, length - 1);
                (source as usize, weights[tap as usize])
            })
        })
        .collect()
}
