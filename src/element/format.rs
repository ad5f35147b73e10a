//! Pixel formats: which there are, and where each component's samples lie.

use gst_video::{VideoFormat, VideoFormatInfo};

/// The formats of the pad templates: every format of GStreamer 1.22 whose samples lie row by row, have 8 bits or more, and
/// halve chroma at most. Left out are v210, the formats of three chroma samples to 32 bits, whose rows are too short for some
/// odd widths, and VYUY, whose description and unpacking disagree. Those that need no unpacking come first.
#[rustfmt::skip]
pub const FORMATS: [VideoFormat; 88] = {
    use VideoFormat as F;
    [
        F::I420, F::Yv12, F::Nv12, F::Nv21, F::Gray8, F::Y42b, F::Y444, F::Nv16, F::Nv61, F::Nv24, F::A420,
        F::Av12, F::Yuy2, F::Uyvy, F::Yvyu, F::Ayuv, F::Vuya, F::V308, F::Iyu2, F::Gbr, F::Rgbp, F::Bgrp,
        F::Gbra, F::Rgb, F::Bgr, F::Rgbx, F::Bgrx, F::Xrgb, F::Xbgr, F::Rgba, F::Bgra, F::Argb, F::Abgr,
        F::I42010le, F::I42012le, F::I42210le, F::I42212le, F::Y44410le, F::Y44412le, F::Y44416le, F::A42010le,
        F::A42210le, F::A44410le, F::Gbr10le, F::Gbr12le, F::Gbra10le, F::Gbra12le, F::Gray16Le, F::P016Le,
        F::V216, F::Rgba64Le, F::Argb64Le, F::Bgra64Le, F::Abgr64Le, F::Argb64, F::Ayuv64, F::Gray10Le32, F::P01010le,
        F::P012Le, F::Y210, F::Y212Le, F::Y410, F::Y412Le, F::Rgb10a2Le, F::Bgr10a2Le, F::R210, F::I42010be,
        F::I42012be, F::I42210be, F::I42212be, F::Y44410be, F::Y44412be, F::Y44416be, F::A42010be, F::A42210be,
        F::A44410be, F::Gbr10be, F::Gbr12be, F::Gbra10be, F::Gbra12be, F::Gray16Be, F::P01010be, F::P012Be,
        F::P016Be, F::Rgba64Be, F::Argb64Be, F::Bgra64Be, F::Abgr64Be,
    ]
};

/// Where a component's samples lie in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// The plane that holds it.
    pub plane: usize,
    /// Bytes of the plane before its first sample.
    pub offset: usize,
    /// Bytes from one sample to the next; nothing where several share them.
    pub step: usize,
    pub storage: Storage,
    /// Bits in a sample.
    pub depth: u32,
    pub role: Role,
}

/// What a component is, and so what can be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Luma, red, green or blue.
    Detail,
    /// Chroma, for every pixel or for every second.
    Chroma,
    Alpha,
    /// The byte of a pixel that means nothing.
    Padding,
}

/// How a sample is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A byte of its own.
    Byte,
    /// As bits of a larger number.
    Bits(Bits),
}

/// Which bits a sample of more than a byte, or of less, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// Two bytes of its own, the value `shift` bits up.
    Word { shift: u32, order: Order },
    /// Part of four bytes, the value `shift` bits up; other components have the other parts.
    Part { shift: u32, order: Order },
    /// A third of four bytes, little-endian, ten bits from the bottom up; the two samples beside it have the other thirds.
    Third,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

/// The components of a format, alpha last, then padding.
pub fn components(format: &VideoFormatInfo) -> Vec<Component> {
    let mut components: Vec<_> = (0..format.n_components() as usize)
        .map(|number| component(format, number))
        .collect();
    components.extend(padding(format, &components));
    components
}

fn component(format: &VideoFormatInfo, number: usize) -> Component {
    let depth = format.depth()[number];
    let (offset, storage) = place(format, number);
    Component {
        plane: format.plane()[number] as usize,
        offset,
        step: format.pixel_stride()[number] as usize,
        storage,
        depth,
        role: match number {
            0 => Role::Detail,
            1 | 2 if format.is_rgb() => Role::Detail,
            1 | 2 => Role::Chroma,
            _ => Role::Alpha,
        },
    }
}

/// Bytes before a component's first sample, and its storage. GStreamer describes the formats that it only ever unpacks by
/// code no further than their pixel stride, so those are told here.
fn place(format: &VideoFormatInfo, number: usize) -> (usize, Storage) {
    use VideoFormat as F;
    let order = if format.is_le() {
        Order::Little
    } else {
        Order::Big
    };
    let part = |shifts: [u32; 4], order| {
        let shift = shifts[number];
        (0, Storage::Bits(Bits::Part { shift, order }))
    };
    let word = |offset, shift, order| (offset, Storage::Bits(Bits::Word { shift, order }));
    match format.format() {
        F::Rgb10a2Le => part([0, 10, 20, 30], Order::Little),
        F::Bgr10a2Le => part([20, 10, 0, 30], Order::Little),
        F::R210 => part([20, 10, 0, 0], Order::Big),
        F::Y410 => part([10, 0, 20, 30], Order::Little),
        F::Y412Le => word([2, 0, 4, 6][number], 4, Order::Little),
        F::Y210 => word([0, 2, 6, 0][number], 6, Order::Little),
        F::Y212Le => word([0, 2, 6, 0][number], 4, Order::Little),
        F::Gray10Le32 => (0, Storage::Bits(Bits::Third)),
        F::V216 => word(format.poffset()[number] as usize, 0, Order::Little),
        F::P01010le | F::P01010be | F::P012Le | F::P012Be | F::P016Le | F::P016Be => {
            word([0, 0, 2, 0][number], format.shift()[number], order)
        }
        _ if format.depth()[number] == 8 => (format.poffset()[number] as usize, Storage::Byte),
        _ => word(
            format.poffset()[number] as usize,
            format.shift()[number],
            order,
        ),
    }
}

/// The fourth byte of RGBx and its kin, which no component claims.
fn padding(format: &VideoFormatInfo, components: &[Component]) -> Option<Component> {
    let first = components[0];
    if format.n_planes() > 1
        || components.len() != 3
        || first.step != 4
        || first.storage != Storage::Byte
    {
        return None;
    }
    let claimed = |offset: &usize| {
        components
            .iter()
            .any(|component| component.offset == *offset)
    };
    let is_packed_422 = format.w_sub()[1] > 0;
    let offset = (0..4)
        .find(|offset| !claimed(offset))
        .filter(|_| !is_packed_422)?;
    Some(Component {
        offset,
        role: Role::Padding,
        ..first
    })
}
