//! What happens to each meta of a frame, and to the coordinates of events that travel the other way.

use gst::meta::MetaTransformCopy;
use gst::{MetaRef, Structure, StructureRef, glib};
use gst_video::{
    VideoAFDMeta, VideoBarMeta, VideoCropMeta, VideoOverlayComposition,
    VideoOverlayCompositionMeta, VideoOverlayRectangle, VideoRegionOfInterestMeta,
};

/// Tags of a meta that a change of size makes no difference to.
const KEPT_TAGS: [&str; 3] = ["video", "orientation", "colorspace"];

/// Gives the larger frame what a meta says of the smaller one, in its own numbers; what would be wrong there is dropped.
///
/// # Errors
/// If the meta cannot be copied.
pub fn transform(
    output: &mut gst::BufferRef,
    meta: &MetaRef<gst::Meta>,
    scale: u32,
) -> Result<(), glib::BoolError> {
    let larger = |(x, y, width, height): (u32, u32, u32, u32)| {
        (x * scale, y * scale, width * scale, height * scale)
    };
    if let Some(region) = meta.downcast_ref::<VideoRegionOfInterestMeta>() {
        let rect = larger(region.rect());
        let mut scaled = VideoRegionOfInterestMeta::add(output, region.roi_type(), rect);
        scaled.set_id(region.id());
        scaled.set_parent_id(region.parent_id());
        region
            .params()
            .for_each(|param| scaled.add_param(param.to_owned()));
    } else if let Some(crop) = meta.downcast_ref::<VideoCropMeta>() {
        VideoCropMeta::add(output, larger(crop.rect()));
    } else if let Some(overlay) = meta.downcast_ref::<VideoOverlayCompositionMeta>() {
        let scaled = scaled_overlay(overlay.overlay(), scale)?;
        VideoOverlayCompositionMeta::add(output, &scaled);
    } else if meta.downcast_ref::<VideoBarMeta>().is_none() {
        // The shape of the active picture is not a size: it stays as long as the aspect does.
        let is_shape = meta.downcast_ref::<VideoAFDMeta>().is_some();
        if is_shape || meta.tags_contain_only(&KEPT_TAGS) {
            meta.transform(output, &MetaTransformCopy::new(..))?;
        }
    }
    Ok(())
}

fn scaled_overlay(
    overlay: &gst_video::VideoOverlayCompositionRef,
    scale: u32,
) -> Result<VideoOverlayComposition, glib::BoolError> {
    let factor = scale as i32;
    let rectangles = overlay.iter().map(|rectangle| {
        let mut scaled: VideoOverlayRectangle = rectangle.copy();
        let (x, y, width, height) = rectangle.render_rectangle();
        let scaled_ref = scaled.make_mut();
        scaled_ref.set_render_rectangle(x * factor, y * factor, width * scale, height * scale);
        scaled
    });
    let rectangles: Vec<_> = rectangles.collect();
    VideoOverlayComposition::new(&rectangles)
}

/// What downstream says of overlays that it can draw itself: nothing if it cannot, else perhaps the size of its window.
pub fn overlay_proposal(query: &gst::query::Allocation) -> Option<Option<Structure>> {
    let index = query.find_allocation_meta::<VideoOverlayCompositionMeta>()?;
    let (_, params) = query.allocation_metas().nth(index as usize)?;
    Some(params.map(ToOwned::to_owned))
}

/// The same with the window in pixels of the smaller frame.
pub fn unscaled(params: &StructureRef, scale: u32) -> Structure {
    let mut params = params.to_owned();
    for size in ["width", "height"] {
        if let Ok(value) = params.get::<u32>(size) {
            params.set(size, value / scale);
        }
    }
    params
}

/// Brings a navigation event's pointer (mouse, touch, scroll) back to the smaller frame.
pub fn unscale_pointer(event: &mut gst::Event, scale: u32) {
    let event = event.make_mut();
    for coordinate in ["pointer_x", "pointer_y"] {
        let value = event
            .structure()
            .and_then(|structure| structure.get::<f64>(coordinate).ok());
        if let Some(value) = value {
            event
                .structure_mut()
                .set(coordinate, value / f64::from(scale));
        }
    }
}
