//! The engine's face: a model made ready to run over planes.

use std::sync::Arc;

use super::{
    Cpu, History, Model, Plane, PlaneMut, Reuse, Workers,
    connect::{Colours, Connect},
    cpu,
    history::{self, Maker, Past},
    kernels::Sample,
    plan::Plan,
    plane::Area,
    tiles::{self, Scratch, Size},
};

/// How to run; never what comes out.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads to use; 0 means all cores.
    pub threads: usize,
    /// Rows of the source in a band, each band the work of one thread at a time; 0 lets the engine choose.
    pub band_rows: usize,
    /// Instruction set to stay within; `None` means the best of the processor. `RCLUT_CPU` lowers it further.
    pub cpu: Option<Cpu>,
}

/// Why a plane cannot be upscaled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpscaleError {
    /// The destination is not `scale` times the source.
    #[error("destination plane: found {found:?}, expected {expected:?} (width, height)")]
    Size {
        found: (usize, usize),
        expected: (usize, usize),
    },
    /// One plane by itself for a model that mixes colours, or colours that cannot be mixed.
    #[error("planes: found {found}, expected {expected}")]
    Colours {
        found: &'static str,
        expected: &'static str,
    },
    /// Bits in a sample.
    #[error("depth: found {found} bits, expected 8..=16")]
    Depth { found: u32 },
    /// The environment names an instruction set that there is no kernel for.
    #[error("{}: found `{found}`, expected one of: {}", cpu::VARIABLE, Cpu::ALL.map(Cpu::name).join(", "))]
    Cpu { found: String },
    /// The thread pool could not be made.
    #[error("thread pool: {0}")]
    Threads(String),
}

/// A model packed for this machine, with its threads and scratch memory.
pub struct Upscaler {
    model: Model,
    workers: Arc<Workers>,
    band_rows: usize,
    cpu: Cpu,
    connect: Option<Connect>,
    eight: Pipeline<u8>,
    /// For the depth of the last plane above 8 bits.
    deep: Option<Pipeline<u16>>,
}

impl Upscaler {
    /// Packs a model. The one place that allocates; see the methods.
    ///
    /// # Errors
    /// [`UpscaleError::Threads`] if the pool cannot be made, [`UpscaleError::Cpu`] if the environment names no
    /// instruction set.
    pub fn new(model: &Model, options: Options) -> Result<Self, UpscaleError> {
        let cpu = Cpu::allowed(options.cpu)?;
        Ok(Self {
            model: model.clone(),
            workers: Workers::new(options.threads)?,
            band_rows: options.band_rows,
            cpu,
            connect: Connect::of(model),
            eight: Pipeline::new(model, 8, cpu),
            deep: None,
        })
    }

    /// Output pixels a side for each input pixel.
    #[must_use]
    pub fn scale(&self) -> usize {
        self.model.scale()
    }

    /// Whether the model mixes colours: then [`Upscaler::connect_u8`] or [`Upscaler::connect_u16`] takes a picture's red,
    /// green and blue together, and `colour_*` makes them one after the other, in place of `plane_*`.
    #[must_use]
    pub fn connects(&self) -> bool {
        self.connect.is_some()
    }

    /// The instruction set of the kernels that run.
    #[must_use]
    pub fn cpu(&self) -> Cpu {
        self.cpu
    }

    /// The threads, for other work on the same frames.
    #[must_use]
    pub fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// How many threads share an 8-bit plane of this size, and how many of its rows are a band.
    #[must_use]
    pub fn share(&self, width: usize, height: usize) -> (usize, usize) {
        let size = Size { width, height };
        let pixels = width * height;
        self.eight
            .share(size, pixels, &self.workers, self.band_rows)
    }

    /// Upscales a plane of 8-bit samples.
    ///
    /// # Errors
    /// [`UpscaleError::Size`] unless the destination is exactly `scale` times the source; [`UpscaleError::Colours`] if the
    /// model mixes colours.
    pub fn plane_u8(
        &mut self,
        source: &Plane<u8>,
        destination: &mut PlaneMut<u8>,
    ) -> Result<(), UpscaleError> {
        self.check_plane(source, destination)?;
        let (workers, rows) = (&self.workers, self.band_rows);
        self.eight.run(source, destination, workers, rows);
        Ok(())
    }

    /// Upscales the next plane of a stream: as [`Upscaler::plane_u8`], but tiles that stand still, as far as the model
    /// reaches, are copied from what they became before. Every plane of a stream (luma, red, ...) has a history of its own.
    ///
    /// # Errors
    /// As [`Upscaler::plane_u8`].
    pub fn plane_u8_after(
        &mut self,
        history: &mut History,
        source: &Plane<u8>,
        destination: &mut PlaneMut<u8>,
    ) -> Result<Reuse, UpscaleError> {
        self.check_plane(source, destination)?;
        let (past, workers, rows) = (&mut history.eight, &self.workers, self.band_rows);
        Ok(self
            .eight
            .run_after(past, source, destination, workers, rows))
    }

    /// Upscales a plane of samples with `depth` significant bits in the low bits.
    ///
    /// # Errors
    /// As [`Upscaler::plane_u8`]; [`UpscaleError::Depth`] unless `depth` is 8..=16. Bits above `depth` are ignored.
    pub fn plane_u16(
        &mut self,
        source: &Plane<u16>,
        destination: &mut PlaneMut<u16>,
        depth: u32,
    ) -> Result<(), UpscaleError> {
        self.check_plane(source, destination)?;
        let (workers, rows) = (self.workers.clone(), self.band_rows);
        let deep = self.deep(depth)?;
        deep.run(source, destination, &workers, rows);
        Ok(())
    }

    /// As [`Upscaler::plane_u8_after`], for samples with `depth` significant bits in the low bits.
    ///
    /// # Errors
    /// As [`Upscaler::plane_u16`].
    pub fn plane_u16_after(
        &mut self,
        history: &mut History,
        source: &Plane<u16>,
        destination: &mut PlaneMut<u16>,
        depth: u32,
    ) -> Result<Reuse, UpscaleError> {
        self.check_plane(source, destination)?;
        let (past, workers, rows) = (&mut history.deep, self.workers.clone(), self.band_rows);
        let deep = self.deep(depth)?;
        Ok(deep.run_after(past, source, destination, &workers, rows))
    }

    /// Mixes the colours of a picture, red, green and blue, for [`Upscaler::colour_u8`] to upscale.
    ///
    /// # Errors
    /// [`UpscaleError::Colours`] if the model does not mix colours, or they differ in size.
    pub fn connect_u8(&mut self, colours: [&Plane<u8>; 3]) -> Result<(), UpscaleError> {
        let table = table_for(self.connect.as_ref(), colours)?;
        self.eight.colours.fill(table, colours, 8, &self.workers);
        Ok(())
    }

    /// Upscales one of the mixed colours, 0, 1 or 2.
    ///
    /// # Errors
    /// [`UpscaleError::Size`] unless the destination is exactly `scale` times the picture of [`Upscaler::connect_u8`],
    /// [`UpscaleError::Colours`] if there was none.
    ///
    /// # Panics
    /// If there is no such colour.
    pub fn colour_u8(
        &mut self,
        colour: usize,
        destination: &mut PlaneMut<u8>,
    ) -> Result<(), UpscaleError> {
        let (workers, rows) = (&self.workers, self.band_rows);
        self.eight
            .colour(colour, destination, |pipeline, source, destination| {
                pipeline.run(source, destination, workers, rows);
            })
    }

    /// Upscales one of the mixed colours of the next picture of a stream: as [`Upscaler::plane_u8_after`], which says what
    /// the history is.
    ///
    /// # Errors
    /// As [`Upscaler::colour_u8`].
    ///
    /// # Panics
    /// As [`Upscaler::colour_u8`].
    pub fn colour_u8_after(
        &mut self,
        history: &mut History,
        colour: usize,
        destination: &mut PlaneMut<u8>,
    ) -> Result<Reuse, UpscaleError> {
        let (past, workers, rows) = (&mut history.eight, &self.workers, self.band_rows);
        self.eight
            .colour(colour, destination, |pipeline, source, destination| {
                pipeline.run_after(past, source, destination, workers, rows)
            })
    }

    /// As [`Upscaler::connect_u8`], for samples with `depth` significant bits in the low bits.
    ///
    /// # Errors
    /// As [`Upscaler::connect_u8`]; [`UpscaleError::Depth`] unless `depth` is 8..=16. Bits above `depth` are ignored.
    pub fn connect_u16(
        &mut self,
        colours: [&Plane<u16>; 3],
        depth: u32,
    ) -> Result<(), UpscaleError> {
        self.deep(depth)?;
        let table = table_for(self.connect.as_ref(), colours)?;
        if let Some(deep) = &mut self.deep {
            deep.colours.fill(table, colours, depth, &self.workers);
        }
        Ok(())
    }

    /// As [`Upscaler::colour_u8`], for the picture of [`Upscaler::connect_u16`] and in its depth.
    ///
    /// # Errors
    /// As [`Upscaler::colour_u8`].
    ///
    /// # Panics
    /// As [`Upscaler::colour_u8`].
    pub fn colour_u16(
        &mut self,
        colour: usize,
        destination: &mut PlaneMut<u16>,
    ) -> Result<(), UpscaleError> {
        let (workers, rows) = (&self.workers, self.band_rows);
        let deep = self.deep.as_mut().ok_or(NO_PICTURE)?;
        deep.colour(colour, destination, |pipeline, source, destination| {
            pipeline.run(source, destination, workers, rows);
        })
    }

    /// As [`Upscaler::colour_u8_after`], for the picture of [`Upscaler::connect_u16`] and in its depth.
    ///
    /// # Errors
    /// As [`Upscaler::colour_u8`].
    ///
    /// # Panics
    /// As [`Upscaler::colour_u8`].
    pub fn colour_u16_after(
        &mut self,
        history: &mut History,
        colour: usize,
        destination: &mut PlaneMut<u16>,
    ) -> Result<Reuse, UpscaleError> {
        let (past, workers, rows) = (&mut history.deep, &self.workers, self.band_rows);
        let deep = self.deep.as_mut().ok_or(NO_PICTURE)?;
        deep.colour(colour, destination, |pipeline, source, destination| {
            pipeline.run_after(past, source, destination, workers, rows)
        })
    }

    /// The pipeline for planes of `depth` bits.
    fn deep(&mut self, depth: u32) -> Result<&mut Pipeline<u16>, UpscaleError> {
        if !(8..=16).contains(&depth) {
            return Err(UpscaleError::Depth { found: depth });
        }
        let kept = self.deep.take();
        let deep = kept.filter(|deep| deep.plan.depth == depth);
        let deep = deep.unwrap_or_else(|| Pipeline::new(&self.model, depth, self.cpu));
        Ok(self.deep.insert(deep))
    }

    fn check_plane<S>(
        &self,
        source: &Plane<S>,
        destination: &PlaneMut<S>,
    ) -> Result<(), UpscaleError> {
        if self.connects() {
            return Err(UpscaleError::Colours {
                found: "one by itself",
                expected: "red, green and blue together, which the model mixes",
            });
        }
        check_size(source, destination, self.scale())
    }
}

fn check_size<S>(
    source: &Plane<S>,
    destination: &PlaneMut<S>,
    scale: usize,
) -> Result<(), UpscaleError> {
    let expected = (source.width() * scale, source.height() * scale);
    let found = (destination.width(), destination.height());
    if found == expected {
        Ok(())
    } else {
        Err(UpscaleError::Size { found, expected })
    }
}

const NO_PICTURE: UpscaleError = UpscaleError::Colours {
    found: "no picture of this depth",
    expected: "one whose colours have been connected",
};

/// The table to mix these colours, if there is one and they are of one size.
fn table_for<'a, S>(
    table: Option<&'a Connect>,
    colours: [&Plane<S>; 3],
) -> Result<&'a Connect, UpscaleError> {
    let sizes = colours.map(Size::of);
    if sizes.iter().any(|size| *size != sizes[0]) {
        return Err(UpscaleError::Colours {
            found: "colours of different sizes",
            expected: "three of one size",
        });
    }
    table.ok_or(UpscaleError::Colours {
        found: "three colours to mix",
        expected: "one plane at a time: the model does not mix them",
    })
}

/// A plan for planes of one depth, with the memory to carry it out.
struct Pipeline<S: Sample> {
    plan: Plan,
    maker: Maker,
    /// The last picture whose colours were mixed.
    colours: Colours<S>,
    scratches: Vec<Scratch<S>>,
}

impl<S: Sample> Pipeline<S> {
    fn new(model: &Model, depth: u32, cpu: Cpu) -> Self {
        Self {
            plan: Plan::new(model, depth, cpu),
            maker: Maker::default(),
            colours: Colours::default(),
            scratches: Vec::new(),
        }
    }

    /// Threads for a plane of which so many pixels are made, and rows in a band. Whoever sets the band height has every
    /// thread take part, however small the plane.
    fn share(
        &self,
        size: Size,
        pixels: usize,
        workers: &Workers,
        band_rows: usize,
    ) -> (usize, usize) {
        let (threads, rows) = match band_rows {
            0 => {
                // To copy what is not made takes its time too.
                let cycles = self.plan.cycles_per_pixel() * pixels + size.width * size.height;
                let threads = workers.paying(cycles);
                let rows = tiles::band_rows(size.height, self.plan.halo(), threads);
                (threads, rows)
            }
            rows => (workers.threads(), rows),
        };
        (threads.min(size.height.div_ceil(rows)), rows)
    }

    fn run(
        &mut self,
        source: &Plane<S>,
        destination: &mut PlaneMut<S>,
        workers: &Workers,
        band_rows: usize,
    ) {
        let size = Size::of(source);
        let (threads, rows) = self.share(size, size.width * size.height, workers, band_rows);
        let (plan, scratches) = self.prepare(size, threads);
        let bands = destination.bands(rows * plan.scale);
        workers.run(scratches, bands, |scratch, (first, mut band)| {
            let area = Area {
                left: 0,
                top: first / plan.scale,
                width: size.width,
                height: band.height() / plan.scale,
            };
            scratch.run(plan, source, area, &mut band);
        });
    }

    /// Has `make` make one of the mixed colours.
    fn colour<T>(
        &mut self,
        colour: usize,
        destination: &mut PlaneMut<S>,
        make: impl FnOnce(&mut Self, &Plane<S>, &mut PlaneMut<S>) -> T,
    ) -> Result<T, UpscaleError> {
        // Lent to `make`, which changes all else.
        let colours = std::mem::take(&mut self.colours);
        let source = colours.plane(colour).ok_or(NO_PICTURE);
        let made = source.and_then(|source| {
            check_size(&source, destination, self.plan.scale)?;
            Ok(make(self, &source, destination))
        });
        self.colours = colours;
        made
    }

    fn run_after(
        &mut self,
        past: &mut Past<S>,
        source: &Plane<S>,
        destination: &mut PlaneMut<S>,
        workers: &Workers,
        band_rows: usize,
    ) -> Reuse {
        let size = Size::of(source);
        past.fit(&self.maker, self.plan.scale, size, history::TILE, band_rows);
        if !past.look(source, self.plan.reach, workers) {
            self.run(source, destination, workers, band_rows);
            return past.none();
        }
        let reuse = past.reuse();
        let (threads, rows) = self.share(size, past.changed(), workers, band_rows);
        let (plan, scratches) = self.prepare(size, threads);
        let bands = size.height.div_ceil(rows);
        let make = |scratch: &mut Scratch<S>, area, part: &mut PlaneMut<S>| {
            scratch.run(plan, source, area, part);
        };
        past.replay(source, destination, bands, workers, scratches, make);
        reuse
    }

    /// The memory of so many threads for planes of one size.
    fn prepare(&mut self, size: Size, threads: usize) -> (&Plan, &mut [Scratch<S>]) {
        if self.scratches.first().is_some_and(|s| s.size() != size) {
            self.scratches.clear();
        }
        while self.scratches.len() < threads {
            self.scratches.push(Scratch::new(&self.plan, size));
        }
        (&self.plan, &mut self.scratches[..threads])
    }
}
