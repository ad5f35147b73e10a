//! How late a stream is, and how good a frame a late one gets (`late=degrade`): worse at once, better again when it has
//! been in time for a while.

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
    fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Cheap => "cheap-model",
            Self::Bicubic => "bicubic",
        }
    }

    /// The element message that tells an application of a change.
    pub fn news(self, running_time: Option<gst::ClockTime>) -> gst::Structure {
        gst::Structure::builder("rclut-quality")
            .field("quality", self.name())
            .field("running-time", running_time)
            .build()
    }
}

/// The running time that frames must not be before to be in time, as downstream tells in a QoS event.
pub fn earliest_in_time(event: &gst::event::Qos) -> Option<gst::ClockTime> {
    let (.., jitter, timestamp) = event.get();
    let earliest = timestamp?.nseconds().checked_add_signed(jitter)?;
    Some(gst::ClockTime::from_nseconds(earliest))
}

/// The quality now, and how long the stream has been in time.
#[derive(Debug, Default)]
pub struct Pace {
    quality: Quality,
    in_time: u32,
    settling: u32,
}

impl Pace {
    /// What makes the frame.
    pub fn quality(&self) -> Quality {
        self.quality
    }

    /// Takes note of a frame that is late, or is not. `has_cheap`: there is a cheap model to fall back on.
    pub fn step(&mut self, is_late: bool, has_cheap: bool) {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(pace: &mut Pace, frames: u32, is_late: bool) -> Quality {
        (0..frames).for_each(|_| pace.step(is_late, true));
        pace.quality()
    }

    #[test]
    fn a_stream_that_stays_late_ends_with_bicubic() {
        let mut pace = Pace::default();
        assert_eq!(steps(&mut pace, 1, true), Quality::Cheap);
        assert_eq!(steps(&mut pace, SETTLE - 1, true), Quality::Cheap);
        assert_eq!(steps(&mut pace, 1, true), Quality::Bicubic);
        assert_eq!(steps(&mut pace, 100, true), Quality::Bicubic);
    }

    #[test]
    fn a_stream_in_time_gets_the_model_back_step_by_step() {
        let mut pace = Pace::default();
        steps(&mut pace, 20, true);
        assert_eq!(steps(&mut pace, RECOVER - 1, false), Quality::Bicubic);
        assert_eq!(steps(&mut pace, 1, false), Quality::Cheap);
        assert_eq!(steps(&mut pace, RECOVER, false), Quality::Model);
        assert_eq!(steps(&mut pace, 1000, false), Quality::Model);
    }

    #[test]
    fn without_a_cheap_model_it_is_one_step() {
        let mut pace = Pace::default();
        pace.step(true, false);
        assert_eq!(pace.quality(), Quality::Bicubic);
        (0..RECOVER).for_each(|_| pace.step(false, false));
        assert_eq!(pace.quality(), Quality::Model);
    }
}
