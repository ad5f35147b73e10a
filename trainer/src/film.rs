//! A photograph as a short film across which the camera pans: what an encoder of video has to be shown.
//!
//! A video's encoder spends most on what later frames repeat and predicts the rest, so that a frame of a film looks
//! better than the same picture alone at the same setting, and errs otherwise.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::image::Image;

/// Frames of a film: more than x264 needs to have all kinds of frames in it.
const FRAMES: usize = 16;
/// Most that the camera moves from a frame to the next, in low-resolution pixels along each axis.
const MAX_SPEED: usize = 2;

/// Low-resolution frames, one of which is that of the photograph itself.
#[derive(Clone, Debug)]
pub struct Film {
    /// All of one size.
    pub frames: Vec<Image>,
    /// Which frame is the photograph's.
    pub wanted: usize,
}

impl Film {
    /// A film of one frame.
    #[must_use]
    pub fn still(low: Image) -> Self {
        Self {
            frames: vec![low],
            wanted: 0,
        }
    }

    /// A film of a camera that moves across a full-size photograph, `scale` times larger than the frames that `shrink`
    /// makes. Where it starts and how fast it moves is drawn, the same for the same photograph; it moves by whole pixels
    /// of the photograph, hence by parts of the frames'. Beyond the border, pixels repeat.
    #[must_use]
    pub fn pan(high: &Image, scale: usize, shrink: impl Fn(&Image) -> Image) -> Self {
        let seed = crc32fast::hash(&high.planes[0]);
        let mut random = ChaCha8Rng::seed_from_u64(seed.into());
        let wanted = random.random_range(0..FRAMES);
        let fastest = (MAX_SPEED * scale) as i32;
        let speed = [(); 2].map(|()| random.random_range(-fastest..=fastest) as isize);
        let frames = (0..FRAMES).map(|frame| {
            let [x, y] = speed.map(|speed| speed * (frame as isize - wanted as isize));
            shrink(&moved(high, x, y))
        });
        Self {
            frames: frames.collect(),
            wanted,
        }
    }

    /// The photograph's frame.
    #[must_use]
    pub fn low(&self) -> &Image {
        &self.frames[self.wanted]
    }
}

/// What the camera sees after it has moved by (`x`, `y`) pixels.
fn moved(image: &Image, x: isize, y: isize) -> Image {
    let inside = |position: usize, by: isize, length: usize| {
        position.saturating_add_signed(by).min(length - 1)
    };
    let plane = |plane: &Vec<u8>| {
        let rows = (0..image.height).map(|row| inside(row, y, image.height) * image.width);
        let columns = 0..image.width;
        rows.flat_map(|row| {
            let samples = columns.clone();
            samples.map(move |column| plane[row + inside(column, x, image.width)])
        })
        .collect()
    };
    Image {
        planes: image.planes.iter().map(plane).collect(),
        ..*image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_camera_passes_the_photograph() {
        let (width, height) = (90, 60);
        let sample = |i: usize| ((i % width) * 2 + (i / width)) as u8;
        let high = Image {
            width,
            height,
            planes: vec![(0..width * height).map(sample).collect(); 3],
        };
        let film = Film::pan(&high, 2, Image::clone);
        assert_eq!(film.frames.len(), FRAMES);
        assert_eq!(*film.low(), high);
        let others = film.frames.iter().filter(|frame| **frame != high);
        assert_eq!(others.count(), FRAMES - 1, "the camera stands still");
        let right = moved(&high, 3, -1);
        let at = |image: &Image, x: usize, y: usize| image.planes[1][y * width + x];
        assert_eq!(at(&right, 10, 20), at(&high, 13, 19));
        assert_eq!(at(&right, 89, 0), at(&high, 89, 0));
    }
}
