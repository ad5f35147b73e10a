//! A band of rows of tiles: what is kept of it is copied, the rest is made, and kept in turn.

use super::grid::{Grid, Tile};
use crate::engine::{Plane, PlaneMut, kernels::Sample, plane::Area};

/// The work of one thread at a time.
pub struct Band<'a, S> {
    /// Its first row in the source.
    pub top: usize,
    /// Its tiles, as if it were a plane of its own.
    pub grid: Grid,
    pub tiles: &'a mut [Tile],
    pub scale: usize,
    /// The history of its source.
    pub past: PlaneMut<'a, S>,
    /// The history of its output.
    pub output: PlaneMut<'a, S>,
    pub destination: PlaneMut<'a, S>,
}

impl<S: Sample> Band<'_, S> {
    /// Gives every tile its output.
    pub fn replay(&mut self, source: &Plane<S>, mut make: impl FnMut(Area, &mut PlaneMut<S>)) {
        for number in 0..self.tiles.len() {
            let is_kept = self.tiles[number].is_kept();
            let Some(tiles) = self.grid.claim(self.tiles, number) else {
                continue;
            };
            let area = self.grid.samples(tiles);
            let large = self.large(area);
            let mut destination = self.destination.part(large);
            if is_kept {
                destination.copy(&self.output.view().part(large));
                continue;
            }
            let whole = Area {
                top: self.top + area.top,
                ..area
            };
            make(whole, &mut destination);
            self.past.part(area).copy(&source.part(whole));
            self.keep(tiles);
        }
    }

    /// Keeps what was made of those tiles that are worth it.
    fn keep(&mut self, tiles: Area) {
        for row in tiles.top..tiles.top + tiles.height {
            let first = row * self.grid.columns() + tiles.left;
            for number in first..first + tiles.width {
                if self.tiles[number].keep() {
                    let large = self.large(self.grid.tile(number));
                    let made = self.destination.view().part(large);
                    self.output.part(large).copy(&made);
                }
            }
        }
    }

    /// What an area becomes, as far as there is room for it: chroma of odd frames is cut off at its right and bottom.
    fn large(&self, area: Area) -> Area {
        let large = area.times(self.scale);
        Area {
            width: large.width.min(self.destination.width() - large.left),
            height: large.height.min(self.destination.height() - large.top),
            ..large
        }
    }
}
