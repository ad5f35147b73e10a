//! A clock that stands still but for the work that it is told of: a machine as slow as a test wants it.

use gst::{ClockTime, glib, subclass::prelude::*};

glib::wrapper! {
    /// Goes on by work, and to the time that somebody waits for.
    pub struct WorkClock(ObjectSubclass<imp::WorkClock>) @extends gst::Clock, gst::Object;
}

impl Default for WorkClock {
    fn default() -> Self {
        glib::Object::new()
    }
}

impl WorkClock {
    /// Work has been done that took this long.
    pub fn work(&self, time: ClockTime) {
        *self.imp().now.lock().unwrap() += time;
    }
}

mod imp {
    use std::sync::Mutex;

    use gst::subclass::prelude::*;
    use gst::{ClockError, ClockId, ClockSuccess, ClockTime, ClockTimeDiff, glib};

    #[derive(Default)]
    pub struct WorkClock {
        pub now: Mutex<ClockTime>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for WorkClock {
        const NAME: &'static str = "RclutTestWorkClock";
        type Type = super::WorkClock;
        type ParentType = gst::Clock;
    }

    impl ObjectImpl for WorkClock {}
    impl GstObjectImpl for WorkClock {}

    impl ClockImpl for WorkClock {
        fn internal_time(&self) -> ClockTime {
            *self.now.lock().unwrap()
        }

        fn wait(&self, id: &ClockId) -> (Result<ClockSuccess, ClockError>, ClockTimeDiff) {
            let (mut now, wanted) = (self.now.lock().unwrap(), id.time());
            let jitter = now.nseconds() as ClockTimeDiff - wanted.nseconds() as ClockTimeDiff;
            if jitter > 0 {
                return (Err(ClockError::Early), jitter);
            }
            *now = wanted;
            (Ok(ClockSuccess::Ok), jitter)
        }
    }
}
