//! What the last plane of a stream was and became, so that of the next one only what has changed is made.
//!
//! The output of a pixel depends on the source as far as the model reaches and on nothing else. A tile of which all that
//! is the same as before therefore has the output that it had.

mod band;
mod grid;
mod rest;

use std::{ops::AddAssign, sync::Arc};

use super::{Plane, PlaneMut, Workers, kernels::Sample, plane::Area, tiles::Size};
use band::Band;
pub use grid::TILE;
use grid::{Grid, Tile};
use rest::Rest;

/// Processor cycles to compare a sample, roughly; decides how many threads pay.
const CYCLES_PER_SAMPLE: usize = 1;

/// The past of one plane of a stream, for [`Upscaler::plane_u8_after`](super::Upscaler::plane_u8_after) and
/// [`Resampler::plane_u8_after`](super::Resampler::plane_u8_after).
///
/// It holds a copy of the last source and, where that stood still, of its output: `1 + scale^2` samples for each pixel. It
/// never changes what comes out: given to another upscaler, or a plane of another size or depth, it starts anew.
#[derive(Debug, Default)]
pub struct History {
    pub(super) eight: Past<u8>,
    pub(super) deep: Past<u16>,
}

/// How many tiles a plane has, and how many of them were copied from the plane before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reuse {
    pub tiles: u64,
    pub reused: u64,
}

impl AddAssign for Reuse {
    fn add_assign(&mut self, other: Self) {
        self.tiles += other.tiles;
        self.reused += other.reused;
    }
}

/// Whatever makes outputs that may be mixed: a model or a filter, at one depth.
pub type Maker = Arc<()>;

/// The past of a plane whose samples are stored as `S`.
#[derive(Debug, Default)]
pub struct Past<S> {
    known: Option<Known>,
    tiles: Vec<Tile>,
    /// What the tiles were, the whole plane.
    source: Vec<S>,
    /// What the tiles became, where they are kept.
    output: Vec<S>,
    /// Rows of tiles in each band.
    bands: Vec<usize>,
    rest: Rest,
}

/// What the past is of.
#[derive(Clone, Debug)]
struct Known {
    maker: Maker,
    scale: usize,
    grid: Grid,
}

impl<S: Sample> Past<S> {
    /// Forgets the past of anything but planes of `size` upscaled by `maker`. Tiles fit into bands of `band_rows` rows,
    /// unless that is 0.
    pub fn fit(&mut self, maker: &Maker, scale: usize, size: Size, tile: Size, band_rows: usize) {
        let grid = Grid::new(size, tile, band_rows);
        let fits = |known: &Known| Arc::ptr_eq(&known.maker, maker) && known.grid == grid;
        if self.known.as_ref().is_some_and(fits) {
            return;
        }
        let samples = size.width * size.height;
        *self = Self {
            known: Some(Known {
                maker: maker.clone(),
                scale,
                grid,
            }),
            tiles: vec![Tile::default(); grid.tiles()],
            source: vec![S::default(); samples],
            output: vec![S::default(); samples * scale * scale],
            bands: Vec::with_capacity(grid.tiles()),
            rest: Rest::default(),
        };
    }

    fn known(&self) -> &Known {
        self.known.as_ref().expect("the past is fitted first")
    }

    /// Finds out which tiles stand still, unless it rests because nothing did. Returns whether it has looked.
    pub fn look(&mut self, source: &Plane<S>, reach: usize, workers: &Workers) -> bool {
        if !self.rest.is_over() {
            return false;
        }
        let grid = self.known().grid;
        let Size { width, height } = grid.size;
        let past = Plane::new(&self.source, width, height, width).expect("a plane of this size");
        let threads = workers.paying(width * height * CYCLES_PER_SAMPLE);
        let columns = grid.columns();
        let rows = self.tiles.chunks_mut(columns).enumerate();
        workers.run(&mut vec![(); threads], rows, |(), (row, tiles)| {
            for (column, tile) in tiles.iter_mut().enumerate() {
                let area = grid.tile(row * columns + column);
                let area = area.grown(reach, width, height);
                tile.look(past.part(area).equals(&source.part(area)));
            }
        });
        let still = self.tiles.iter().filter(|tile| tile.is_still()).count();
        self.rest.learn(still, self.tiles.len());
        true
    }

    /// All tiles, and those that need only be copied.
    pub fn reuse(&self) -> Reuse {
        let kept = self.tiles.iter().filter(|tile| tile.is_kept());
        Reuse {
            tiles: self.tiles.len() as u64,
            reused: kept.count() as u64,
        }
    }

    /// The same for a plane that is made without a look.
    pub fn none(&self) -> Reuse {
        Reuse {
            tiles: self.tiles.len() as u64,
            reused: 0,
        }
    }

    /// Pixels of the source whose output must be made.
    pub fn changed(&self) -> usize {
        let grid = self.known().grid;
        let tiles = self.tiles.iter().enumerate();
        let changed = tiles.filter(|(_, tile)| !tile.is_kept());
        let areas = changed.map(|(number, _)| grid.tile(number));
        areas.map(|area| area.width * area.height).sum()
    }

    /// Gives every tile of `destination` its output, in bands of about as much work each: what is kept is copied, the
    /// rest has `make` made of it, one area at a time.
    pub fn replay<M: Send>(
        &mut self,
        source: &Plane<S>,
        destination: &mut PlaneMut<S>,
        bands: usize,
        workers: &Workers,
        makers: &mut [M],
        make: impl Fn(&mut M, Area, &mut PlaneMut<S>) + Sync,
    ) {
        self.cut(bands);
        let Known { scale, grid, .. } = *self.known();
        let Size { width, height } = grid.size;
        let past = PlaneMut::new(&mut self.source, width, height, width);
        let mut past = past.expect("a plane of this size");
        let (width, height) = (width * scale, height * scale);
        let output = PlaneMut::new(&mut self.output, width, height, width);
        let mut output = output.expect("a plane of this size");
        let heights = self.bands.iter().map(|tiles| grid.height(*tiles));
        let large = heights.clone().map(|rows| rows * scale);
        let mut rest = &mut self.tiles[..];
        let tiles = self
            .bands
            .iter()
            .map_while(|rows| rest.split_off_mut(..rows * grid.columns()));
        let planes = past.bands_of(heights).zip(output.bands_of(large.clone()));
        let planes = planes.zip(destination.bands_of(large));
        let bands = planes.zip(tiles).map(
            |((((top, past), (_, output)), (_, destination)), tiles)| Band {
                top,
                grid: grid.with_height(past.height()),
                scale,
                past,
                output,
                destination,
                tiles,
            },
        );
        workers.run(makers, bands, |maker, mut band| {
            band.replay(source, |area, part| make(maker, area, part));
        });
    }

    /// Chooses bands of about as much work each.
    fn cut(&mut self, bands: usize) {
        let columns = self.known().grid.columns();
        let work = |tiles: &[Tile]| tiles.iter().map(Tile::work).sum::<usize>();
        let share = work(&self.tiles).div_ceil(bands);
        self.bands.clear();
        let (mut rows, mut sum) = (0, 0);
        for row in self.tiles.chunks(columns) {
            (rows, sum) = (rows + 1, sum + work(row));
            if sum >= share {
                self.bands.push(rows);
                (rows, sum) = (0, sum - share);
            }
        }
        if rows > 0 {
            self.bands.push(rows);
        }
    }
}
