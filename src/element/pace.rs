//! How good a frame a late stream gets (`late=degrade`): worse at once, better again when it has been in time for a while.

use gst::glib;

/// Values of the property `late`: what becomes of frames that are late by downstream's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstRclutLate")]
#[repr(i32)]
pub enum Late {
    #[default]
    #[enum_value(name = "They are dropped, as by every video filter", nick = "drop")]
    Drop = 0,
    #[enum_value(
        name = "They and those after them are made in a cheaper way until the stream is in time again",
        nick = "degrade"
    )]
    Degrade = 1,
    #[enum_value(
        name = "They are made all the same: the output depends on no clock",
        nick = "off"
    )]
    Off = 2,
}

/// Frames after a step down before the next: downstream's clock must see the gain first.
const SETTLE: u32 = 5;

/// Frames in time before a step up.
const RECOVER: u32 = 50;

/// What makes the frame, the best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    /// The model that the properties choose.
    #[default]
    Model,
    /// The fastest built-in model.
    Cheap,
    /// The resampler that makes chroma.
    Bicubic,
}

impl Quality {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Cheap => "cheap-model",
            Self::Bicubic => "bicubic",
        }
    }
}

/// The quality now, and how long the stream has been in time.
#[derive(Debug, Default)]
pub struct Pace {
    quality: Quality,
    in_time: u32,
    settling: u32,
}

impl Pace {
    /// The quality of a frame that is late, or is not. `has_cheap`: there is a cheap model to fall back on.
    pub fn step(&mut self, is_late: bool, has_cheap: bool) -> Quality {
        self.settling = self.settling.saturating_sub(1);
        self.in_time = if is_late { 0 } else { self.in_time + 1 };
        if is_late && self.settling == 0 {
            self.settling = SETTLE;
            self.quality = match self.quality {
                Quality::Model if has_cheap => Quality::Cheap,
                _ => Quality::Bicubic,
            };
        } else if self.in_time >= RECOVER {
            self.in_time = 0;
            self.quality = match self.quality {
                Quality::Bicubic if has_cheap => Quality::Cheap,
                _ => Quality::Model,
            };
        }
        self.quality
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(pace: &mut Pace, frames: u32, is_late: bool) -> Quality {
        (0..frames).fold(pace.quality, |_, _| pace.step(is_late, true))
    }

    #[test]
    fn a_stream_that_stays_late_ends_with_bicubic() {
        let mut pace = Pace::default();
        assert_eq!(pace.step(true, true), Quality::Cheap);
        assert_eq!(steps(&mut pace, SETTLE - 1, true), Quality::Cheap);
        assert_eq!(pace.step(true, true), Quality::Bicubic);
        assert_eq!(steps(&mut pace, 100, true), Quality::Bicubic);
    }

    #[test]
    fn a_stream_in_time_gets_the_model_back_step_by_step() {
        let mut pace = Pace::default();
        steps(&mut pace, 20, true);
        assert_eq!(steps(&mut pace, RECOVER - 1, false), Quality::Bicubic);
        assert_eq!(pace.step(false, true), Quality::Cheap);
        assert_eq!(steps(&mut pace, RECOVER, false), Quality::Model);
        assert_eq!(steps(&mut pace, 1000, false), Quality::Model);
    }

    #[test]
    fn without_a_cheap_model_it_is_one_step() {
        let mut pace = Pace::default();
        assert_eq!(pace.step(true, false), Quality::Bicubic);
        assert_eq!(
            (0..RECOVER).map(|_| pace.step(false, false)).last(),
            Some(Quality::Model)
        );
    }
}
