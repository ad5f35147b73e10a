//! What the property `stats` tells: frames, the time each took, and what of them had been made before.

use std::time::Duration;

use crate::engine::Reuse;

/// Frames that the percentile looks back on.
const WINDOW: usize = 1000;

/// Times of the frames since the element started.
#[derive(Debug)]
pub struct Stats {
    frames: u64,
    total: Duration,
    /// The last frames' times, in any order.
    recent: Vec<Duration>,
    reuse: Reuse,
    /// The model's name and the instruction set that runs it.
    engine: Option<(String, &'static str)>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            frames: 0,
            total: Duration::ZERO,
            recent: Vec::with_capacity(WINDOW),
            reuse: Reuse::default(),
            engine: None,
        }
    }
}

impl Stats {
    pub fn add(&mut self, time: Duration, reuse: Reuse) {
        if self.recent.len() < WINDOW {
            self.recent.push(time);
        } else {
            self.recent[self.frames as usize % WINDOW] = time;
        }
        self.frames += 1;
        self.total += time;
        self.reuse += reuse;
    }

    /// Takes note of what makes the frames from now on.
    pub fn describe(&mut self, engine: Option<(&str, &'static str)>) {
        self.engine = engine.map(|(model, cpu)| (model.to_owned(), cpu));
    }

    /// The property `stats`.
    pub fn structure(&self) -> gst::Structure {
        let builder = gst::Structure::builder("application/x-rclut-stats")
            .field("frames", self.frames)
            .field("mean-ms", self.mean())
            .field("p99-ms", self.percentile_99())
            .field("reused", self.reused());
        match &self.engine {
            Some((model, cpu)) => builder.field("model", model).field("cpu", *cpu).build(),
            None => builder.build(),
        }
    }

    /// Milliseconds a frame, over all frames.
    fn mean(&self) -> f64 {
        match self.frames {
            0 => 0.0,
            frames => milliseconds(self.total) / frames as f64,
        }
    }

    /// Milliseconds that 99 of 100 of the last frames stayed within.
    fn percentile_99(&self) -> f64 {
        let mut sorted = self.recent.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * 99).div_ceil(100);
        sorted
            .get(rank.saturating_sub(1))
            .map_or(0.0, |time| milliseconds(*time))
    }

    /// Share of the tiles that were copied from the frame before, over all frames.
    fn reused(&self) -> f64 {
        match self.reuse.tiles {
            0 => 0.0,
            tiles => self.reuse.reused as f64 / tiles as f64,
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_frame_in_a_hundred_is_left_out() {
        let mut stats = Stats::default();
        (0..99).for_each(|_| stats.add(Duration::from_millis(2), Reuse::default()));
        stats.add(Duration::from_millis(102), Reuse::default());
        assert_eq!(stats.frames, 100);
        assert!((stats.mean() - 3.0).abs() < 1e-9);
        assert!((stats.percentile_99() - 2.0).abs() < 1e-9);
        stats.add(Duration::from_millis(102), Reuse::default());
        assert!((stats.percentile_99() - 102.0).abs() < 1e-9);
    }

    #[test]
    fn only_the_last_frames_count_for_the_percentile() {
        let mut stats = Stats::default();
        (0..WINDOW).for_each(|_| stats.add(Duration::from_millis(50), Reuse::default()));
        (0..WINDOW).for_each(|_| stats.add(Duration::from_millis(1), Reuse::default()));
        assert!((stats.percentile_99() - 1.0).abs() < 1e-9);
    }
}
