//! The memory of a mapped frame: slices that end where the mapping does, whatever the strides promise.

use std::slice;

use gst_video::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo, VideoMeta};

use crate::engine::plane::PlaneError;

/// Why a frame's memory cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MappedError {
    #[error(
        "plane {plane} has stride {stride}: bottom-up frames are not supported, put `videoflip` or a copy that turns them before"
    )]
    BottomUp { plane: usize, stride: i32 },
    #[error("found {found} bytes, expected {expected}")]
    Short { found: usize, expected: usize },
    #[error("plane {plane} starts outside its memory")]
    Outside { plane: usize },
    #[error(transparent)]
    Plane(#[from] PlaneError),
}

/// That a buffer which does not describe its frame itself holds one of `info`.
///
/// # Errors
/// [`MappedError::Short`] if not.
pub fn check(buffer: &gst::BufferRef, info: &VideoInfo) -> Result<(), MappedError> {
    let (found, expected) = (buffer.size(), info.size());
    match buffer.meta::<VideoMeta>() {
        None if found < expected => Err(MappedError::Short { found, expected }),
        _ => Ok(()),
    }
}

/// Bytes from one row to the next.
///
/// # Errors
/// [`MappedError::BottomUp`] if rows run upwards.
pub fn stride(frame: &impl VideoFrameExt, plane: usize) -> Result<usize, MappedError> {
    let stride = frame.plane_stride()[plane];
    usize::try_from(stride).map_err(|_| MappedError::BottomUp { plane, stride })
}

/// A plane's bytes, from its first sample to the end of its memory.
///
/// # Errors
/// [`MappedError::Outside`] if the frame's plane does not lie in the memory that was mapped for it.
pub fn bytes<'a>(
    frame: &'a VideoFrameRef<&gst::BufferRef>,
    plane: usize,
) -> Result<&'a [u8], MappedError> {
    let (start, length) = extent(frame, plane)?;
    // SAFETY: `extent` checked that `start..start + length` lies in memory that stays mapped as long as the frame, which
    // the result borrows.
    Ok(unsafe { slice::from_raw_parts(start, length) })
}

/// A plane's bytes to write, from its first sample to the end of its memory.
///
/// # Errors
/// As [`bytes`].
pub fn bytes_mut<'a>(
    frame: &'a mut VideoFrameRef<&mut gst::BufferRef>,
    plane: usize,
) -> Result<&'a mut [u8], MappedError> {
    let (start, length) = extent(frame, plane)?;
    // SAFETY: as in `bytes`; the frame was mapped to be written, and the result borrows it mutably, so that no other
    // slice of it lives.
    Ok(unsafe { slice::from_raw_parts_mut(start, length) })
}

/// Where a plane starts and how many bytes of its mapping follow.
fn extent(frame: &impl VideoFrameExt, plane: usize) -> Result<(*mut u8, usize), MappedError> {
    // SAFETY: the pointer is that of a live, mapped frame.
    let raw = unsafe { &*frame.as_ptr() };
    // Without a GstVideoMeta the whole buffer is mapped once; with one, plane by plane.
    let map = if raw.meta.is_null() {
        &raw.map[0]
    } else {
        &raw.map[plane]
    };
    let start = raw.data[plane].cast::<u8>();
    let offset = (start as usize).checked_sub(map.data as usize);
    match offset.and_then(|offset| map.size.checked_sub(offset)) {
        Some(length) if length > 0 => Ok((start, length)),
        _ => Err(MappedError::Outside { plane }),
    }
}
