//! The tiles of a plane: where they lie, what is known of each, and how they are put together to larger rectangles.

use crate::engine::plane::Area;
use crate::engine::tiles::Size;

/// Samples of the source in a tile. Small ones follow the edge of what moves; but around each of those that are made,
/// as far as it reaches, pixels are made in vain.
pub const TILE: Size = Size {
    width: 64,
    height: 32,
};

/// Planes for which the output of a tile is kept after it was last still: as many as pictures may take turns in when
/// each is shown several times (animation, film in video).
const CALM: u8 = 4;

/// Work on a tile that is made, where that on a copied one is 1. Decides only how bands are cut.
const MAKING: usize = 8;

/// A plane cut into tiles, those at its right and bottom smaller where they do not divide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    pub size: Size,
    tile: Size,
}

/// What is known of a tile.
#[derive(Clone, Debug, Default)]
pub struct Tile {
    /// All that its output depends on is the same as before.
    is_still: bool,
    /// The history has its output.
    is_kept: bool,
    /// Planes for which its output will still be kept when it is made.
    calm: u8,
    /// It has its output, for the plane at hand.
    is_done: bool,
}

impl Tile {
    /// Takes note of a new plane, in which all that the output depends on `is_still` the same, or is not.
    pub fn look(&mut self, is_still: bool) {
        *self = Self {
            is_still,
            is_kept: self.is_kept && is_still,
            calm: match is_still {
                true => CALM,
                false => self.calm.saturating_sub(1),
            },
            is_done: false,
        };
    }

    pub fn is_still(&self) -> bool {
        self.is_still
    }

    /// Whether its output is in the history, and so need not be made.
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Whether the output that has just been made is worth keeping; from then on it counts as kept.
    pub fn keep(&mut self) -> bool {
        self.is_kept = self.calm > 0;
        self.is_kept
    }

    /// How long it takes, next to others.
    pub fn work(&self) -> usize {
        match self.is_kept {
            true => 1,
            false => MAKING,
        }
    }
}

impl Grid {
    /// Cuts a plane into tiles that fit into bands of `band_rows` rows, unless that is 0.
    pub fn new(size: Size, tile: Size, band_rows: usize) -> Self {
        let height = match band_rows {
            0 => tile.height,
            rows => tile.height.min(rows),
        };
        let tile = Size { height, ..tile };
        Self { size, tile }
    }

    /// The grid of a plane as wide, of so many rows.
    pub fn with_height(self, height: usize) -> Self {
        let size = Size {
            height,
            ..self.size
        };
        Self { size, ..self }
    }

    /// Tiles side by side.
    pub fn columns(&self) -> usize {
        self.size.width.div_ceil(self.tile.width)
    }

    /// All tiles.
    pub fn tiles(&self) -> usize {
        self.columns() * self.size.height.div_ceil(self.tile.height)
    }

    /// Rows of samples in so many rows of tiles.
    pub fn height(&self, tiles: usize) -> usize {
        tiles * self.tile.height
    }

    /// The samples of a rectangle, which counts tiles.
    pub fn samples(&self, tiles: Area) -> Area {
        let (left, top) = (tiles.left * self.tile.width, tiles.top * self.tile.height);
        let (width, height) = (tiles.width * self.tile.width, self.height(tiles.height));
        Area {
            left,
            top,
            width: width.min(self.size.width - left),
            height: height.min(self.size.height - top),
        }
    }

    /// The samples of the tile of this number.
    pub fn tile(&self, number: usize) -> Area {
        let (left, top) = (number % self.columns(), number / self.columns());
        let (width, height) = (1, 1);
        self.samples(Area {
            left,
            top,
            width,
            height,
        })
    }

    /// Puts a tile that is not done together with those right of it and below that get their output in the same way, and
    /// calls them done. Counted in tiles; nothing if the tile is done.
    pub fn claim(&self, tiles: &mut [Tile], number: usize) -> Option<Area> {
        let columns = self.columns();
        let (left, top) = (number % columns, number / columns);
        let is_kept = tiles[number].is_kept;
        let joins = |tile: &&Tile| !tile.is_done && tile.is_kept == is_kept;
        let right = tiles[number..][..columns - left].iter();
        let width = right.take_while(joins).count();
        let below = tiles[number..].chunks(columns);
        let below = below.take_while(|row| row[..width].iter().all(|tile| joins(&tile)));
        let height = below.count();
        for row in tiles[number..].chunks_mut(columns).take(height) {
            row[..width].iter_mut().for_each(|tile| tile.is_done = true);
        }
        let area = Area {
            left,
            top,
            width,
            height,
        };
        (width > 0).then_some(area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid {
        size: Size {
            width: 9,
            height: 7,
        },
        tile: Size {
            width: 2,
            height: 2,
        },
    };

    /// Tiles of which those in the picture are kept.
    fn tiles(picture: &str) -> Vec<Tile> {
        let tile = |letter| Tile {
            is_kept: letter == 'k',
            ..Tile::default()
        };
        picture
            .split_whitespace()
            .flat_map(|row| row.chars().map(tile))
            .collect()
    }

    #[test]
    fn rectangles_cover_every_sample_once_and_never_mix() {
        for picture in [
            "mmmmm mmmmm mmmmm mmmmm",
            "mmmmm mkkmm mkkmm mmmmk",
            "kmkmk mkmkm kkmmk mmkkk",
        ] {
            let mut tiles = tiles(picture);
            let mut covered = vec![0; GRID.size.width * GRID.size.height];
            for number in 0..tiles.len() {
                let Some(claimed) = GRID.claim(&mut tiles, number) else {
                    continue;
                };
                for row in 0..claimed.height {
                    let first = (claimed.top + row) * GRID.columns() + claimed.left;
                    let row = &tiles[first..][..claimed.width];
                    assert!(row.iter().all(|tile| tile.is_kept == tiles[number].is_kept));
                }
                let area = GRID.samples(claimed);
                for y in area.top..area.top + area.height {
                    let row = &mut covered[y * GRID.size.width..][..GRID.size.width];
                    row[area.left..][..area.width]
                        .iter_mut()
                        .for_each(|count| *count += 1);
                }
            }
            assert!(
                covered.iter().all(|count| *count == 1),
                "{picture}: {covered:?}"
            );
        }
    }

    #[test]
    fn where_all_is_alike_there_is_one_rectangle() {
        let mut tiles = tiles("mmmmm mmmmm mmmmm mmmmm");
        let claimed = (0..tiles.len()).filter_map(|number| GRID.claim(&mut tiles, number));
        let claimed: Vec<_> = claimed.map(|claimed| GRID.samples(claimed)).collect();
        let all = Area {
            left: 0,
            top: 0,
            width: 9,
            height: 7,
        };
        assert_eq!(claimed, [all]);
    }

    #[test]
    fn the_output_of_a_tile_is_kept_once_it_was_still_and_for_a_while_after() {
        let mut tile = Tile::default();
        tile.look(false);
        assert!(!tile.keep());
        tile.look(true);
        assert!(!tile.is_kept());
        assert!(tile.keep());
        tile.look(true);
        assert!(tile.is_kept());
        for _ in 1..CALM {
            tile.look(false);
            assert!(!tile.is_kept());
            assert!(tile.keep());
        }
        tile.look(false);
        assert!(!tile.keep());
    }
}
