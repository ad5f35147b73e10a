//! Who computes: the one file that knows rayon.

use std::{
    num::NonZero,
    sync::{Arc, Mutex},
};

use super::UpscaleError;

/// Work that pays for waking a thread: some 50 microseconds of one core.
const CYCLES_THAT_PAY: usize = 200_000;

/// Threads that share the bands of a plane; one set serves every plane of a frame in turn.
#[derive(Debug)]
pub struct Workers {
    threads: usize,
    /// Absent with one thread: then nothing leaves the calling thread.
    pool: Option<rayon::ThreadPool>,
}

impl Workers {
    /// A set of `threads` threads; 0 means one for each core.
    ///
    /// # Errors
    /// [`UpscaleError::Threads`] if the system refuses them.
    pub fn new(threads: usize) -> Result<Arc<Self>, UpscaleError> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            _ => threads,
        };
        let build = || {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|index| format!("rclut-{index}"))
                .build()
                .map_err(|error| UpscaleError::Threads(error.to_string()))
        };
        let pool = (threads > 1).then(build).transpose()?;
        Ok(Arc::new(Self { threads, pool }))
    }

    /// How many threads there are, at least 1.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many threads a job of about `cycles` processor cycles should use, at least 1.
    #[must_use]
    pub fn paying(&self, cycles: usize) -> usize {
        (cycles / CYCLES_THAT_PAY).clamp(1, self.threads)
    }

    /// Runs `body` once for each band. Each thread owns one scratch from its first band to its last, so as many threads
    /// work as there are scratches (but see [`Workers::threads`]), and each takes the next band when it is done with one.
    ///
    /// # Panics
    /// If `scratch` is empty, or if `body` panics.
    pub fn run<S: Send, B>(
        &self,
        scratch: &mut [S],
        bands: impl Iterator<Item = B> + Send,
        body: impl Fn(&mut S, B) + Sync,
    ) {
        use rayon::prelude::*;
        match (&self.pool, scratch) {
            (_, []) => panic!("no scratch to work with"),
            (Some(pool), scratch @ [_, _, ..]) => {
                let bands = Mutex::new(bands);
                let next = || bands.lock().ok()?.next();
                pool.install(|| {
                    let scratch = scratch.par_iter_mut().with_max_len(1);
                    scratch.for_each(|scratch| {
                        while let Some(band) = next() {
                            body(scratch, band);
                        }
                    });
                });
            }
            (_, [scratch, ..]) => bands.for_each(|band| body(scratch, band)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_band_is_done_once_for_any_number_of_threads() {
        for threads in 1..=8 {
            let workers = Workers::new(threads).unwrap();
            let mut done = [0; 100];
            let mut scratch = vec![0; threads];
            workers.run(&mut scratch, done.chunks_mut(3), |bands, rows| {
                rows.iter_mut().for_each(|row| *row += 1);
                *bands += 1;
            });
            assert_eq!(done, [1; 100], "{threads} threads");
            assert_eq!(scratch.iter().sum::<usize>(), 34, "{threads} threads");
        }
    }

    #[test]
    fn one_thread_never_leaves_the_caller() {
        let caller = std::thread::current().id();
        let workers = Workers::new(1).unwrap();
        workers.run(&mut [(), ()], 0..4, |(), _| {
            assert_eq!(std::thread::current().id(), caller);
        });
    }

    #[test]
    fn small_jobs_use_fewer_threads() {
        let workers = Workers::new(4).unwrap();
        assert_eq!(workers.paying(0), 1);
        assert_eq!(workers.paying(2 * CYCLES_THAT_PAY), 2);
        assert_eq!(workers.paying(usize::MAX), 4);
    }
}
