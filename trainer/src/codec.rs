//! Low-resolution images through real encoders: what people have to upscale is compressed.

use std::{
    fmt::{self, Display},
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
};

use anyhow::{Context, Result, bail, ensure};
use image::codecs::jpeg::JpegEncoder;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{film::Film, image::Image};

/// An encoder and how hard it presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264 by x264, 4:2:0, at a constant rate factor of 0..=51, of the whole film. Run by ffmpeg.
    X264 { crf: u8 },
    /// JPEG of a quality of 1..=100.
    Jpeg { quality: u8 },
    /// No encoder: Gaussian noise of a standard deviation of 1..=50 levels on every sample, the same for the same image.
    Noise { sigma: u8 },
}

impl FromStr for Codec {
    type Err = String;

    /// `x264:CRF`, `jpeg:QUALITY` or `noise:SIGMA`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str, range: std::ops::RangeInclusive<u8>| {
            let number = digits.parse().ok().filter(|number| range.contains(number));
            number.ok_or(format!("found `{digits}`, expected a number of {range:?}"))
        };
        match text.split_once(':') {
            Some(("x264", crf)) => Ok(Self::X264 {
                crf: number(crf, 0..=51)?,
            }),
            Some(("jpeg", quality)) => Ok(Self::Jpeg {
                quality: number(quality, 1..=100)?,
            }),
            Some(("noise", sigma)) => Ok(Self::Noise {
                sigma: number(sigma, 1..=50)?,
            }),
            _ => Err("expected x264:CRF, jpeg:QUALITY or noise:SIGMA, such as x264:23".to_owned()),
        }
    }
}

/// As a folder's name has it: `x264-23`.
impl Display for Codec {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::X264 { crf } => write!(out, "x264-{crf}"),
            Self::Jpeg { quality } => write!(out, "jpeg-{quality}"),
            Self::Noise { sigma } => write!(out, "noise-{sigma}"),
        }
    }
}

impl Codec {
    /// Whether the frames around the photograph's matter.
    #[must_use]
    pub fn is_video(self) -> bool {
        matches!(self, Self::X264 { .. })
    }

    /// The photograph's frame, encoded and decoded.
    ///
    /// # Errors
    /// If a temporary file cannot be written, or ffmpeg is not there or refuses; the message has its own words.
    pub fn degrade(self, film: &Film) -> Result<Image> {
        let folder = tempfile::tempdir().context("temporary folder")?;
        match self {
            Self::X264 { crf } => through_x264(film, crf, folder.path()),
            Self::Jpeg { quality } => through_jpeg(film.low(), quality, folder.path()),
            Self::Noise { sigma } => Ok(with_noise(film.low(), sigma.into())),
        }
        .with_context(|| format!("codec {self}"))
    }
}

fn with_noise(image: &Image, sigma: f64) -> Image {
    let seed = crc32fast::hash(&image.planes[0]);
    let mut random = ChaCha8Rng::seed_from_u64(seed.into());
    let mut noisy = image.clone();
    for sample in noisy.planes.iter_mut().flatten() {
        *sample = noisy_level(*sample, sigma, &mut random);
    }
    noisy
}

/// A level with Gaussian noise of a standard deviation in levels.
pub fn noisy_level(level: u8, sigma: f64, random: &mut impl Rng) -> u8 {
    // Box and Muller: one of the two normal numbers that two uniform ones make.
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    let normal = (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
    (f64::from(level) + sigma * normal)
        .round()
        .clamp(0.0, 255.0) as u8
}

fn through_jpeg(image: &Image, quality: u8, folder: &Path) -> Result<Image> {
    let path = folder.join("image.jpg");
    let file = BufWriter::new(File::create(&path)?);
    let encoder = JpegEncoder::new_with_quality(file, quality);
    image.to_picture().write_with_encoder(encoder)?;
    Image::open(path)
}

/// Between RGB and 4:2:0 by exact sums: what ffmpeg does otherwise makes a picture more than a level darker.
const EXACT_COLOURS: [&str; 2] = ["-sws_flags", "accurate_rnd+full_chroma_int+full_chroma_inp"];

fn through_x264(film: &Film, crf: u8, folder: &Path) -> Result<Image> {
    // 4:2:0 takes even sides only: the last column and row are repeated, and cut off again.
    let Image { width, height, .. } = *film.low();
    let (even_width, even_height) = (width.next_multiple_of(2), height.next_multiple_of(2));
    let (components, format) = match film.low().planes.len() {
        1 => (1, "gray"),
        _ => (3, "rgb24"),
    };
    let mut frames = Vec::new();
    for frame in &film.frames {
        let even = Image {
            width: even_width,
            height: even_height,
            planes: frame
                .planes
                .iter()
                .map(|plane| padded(plane, width, height))
                .collect(),
        };
        frames.extend_from_slice(even.to_picture().as_bytes());
    }
    let (size, crf) = (format!("{even_width}x{even_height}"), crf.to_string());
    let raw = ["-f", "rawvideo", "-pix_fmt", format];
    let source = ["-video_size", &size, "-framerate", "25", "-i", "-"];
    let encode = ["-c:v", "libx264", "-crf", &crf, "-pix_fmt", "yuv420p"];
    let encode = [&raw[..], &source, &EXACT_COLOURS, &encode, &["video.mkv"]].concat();
    ffmpeg(folder, &encode, &frames)?;
    let decode = [&["-i", "video.mkv"], &EXACT_COLOURS[..], &raw, &["-"]].concat();
    let decoded = ffmpeg(folder, &decode, &[])?;
    ensure!(
        decoded.len() == frames.len(),
        "found {} bytes after decoding, expected {} of {} frames of {size}",
        decoded.len(),
        frames.len(),
        film.frames.len(),
    );
    let frame = even_width * even_height * components;
    let samples = &decoded[film.wanted * frame..][..frame];
    let decoded = Image::from_interleaved(even_width, even_height, components, samples);
    Ok(decoded.crop(0, 0, width, height))
}

/// A plane with its last column and row repeated where that makes a side even.
fn padded(plane: &[u8], width: usize, height: usize) -> Vec<u8> {
    let rows = (0..height.next_multiple_of(2)).map(|y| y.min(height - 1));
    let columns = 0..width.next_multiple_of(2);
    rows.flat_map(|y| {
        columns
            .clone()
            .map(move |x| plane[y * width + x.min(width - 1)])
    })
    .collect()
}

/// Runs ffmpeg; what it reads on its standard input, and what it wrote to its standard output.
fn ffmpeg(folder: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-threads", "1"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let run = command.spawn();
    let mut run =
        run.context("ffmpeg cannot be run; x264 needs ffmpeg with libx264 on the PATH")?;
    // It writes nothing before it has read all, so that neither waits for the other. Why it stopped reading, it says itself.
    let written = run.stdin.take().expect("it is piped").write_all(input);
    let run = run.wait_with_output()?;
    if !run.status.success() {
        bail!(
            "ffmpeg failed: {}",
            String::from_utf8_lossy(&run.stderr).trim()
        );
    }
    written.context("ffmpeg did not read its input")?;
    Ok(run.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(codec: Codec, image: &Image) -> f64 {
        let degraded = codec.degrade(&Film::still(image.clone())).unwrap();
        assert_eq!(
            (degraded.width, degraded.height),
            (image.width, image.height)
        );
        assert_eq!(degraded.planes.len(), image.planes.len());
        let pairs = image
            .planes
            .iter()
            .flatten()
            .zip(degraded.planes.iter().flatten());
        pairs
            .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
            .sum::<f64>()
    }

    /// Odd sides, and texture that costs bits.
    fn picture(planes: usize) -> Image {
        let (width, height) = (63, 47);
        let sample = |i: usize| {
            (128.0 + 50.0 * ((i % width) as f64 * 0.9).sin() * ((i / width) as f64 * 0.7).cos())
                as u8
        };
        Image {
            width,
            height,
            planes: vec![(0..width * height).map(sample).collect(); planes],
        }
    }

    #[test]
    fn a_harder_press_costs_more() {
        let mut pairs = vec![
            [Codec::Jpeg { quality: 90 }, Codec::Jpeg { quality: 20 }],
            [Codec::Noise { sigma: 2 }, Codec::Noise { sigma: 8 }],
        ];
        if Command::new("ffmpeg").arg("-version").output().is_ok() {
            pairs.push([Codec::X264 { crf: 18 }, Codec::X264 { crf: 40 }]);
        } else {
            eprintln!("skipped: x264, because ffmpeg is not here");
        }
        for [soft, hard] in pairs {
            for planes in [1, 3] {
                let image = picture(planes);
                let [soft_error, hard_error] = [soft, hard].map(|codec| error(codec, &image));
                assert!(
                    0.0 < soft_error && soft_error < hard_error,
                    "{soft}: {soft_error} {hard_error}"
                );
            }
        }
    }

    #[test]
    fn of_a_film_the_frame_that_is_wanted_comes_back() {
        if Command::new("ffmpeg").arg("-version").output().is_err() {
            eprintln!("skipped: ffmpeg is not here");
            return;
        }
        let frame = |level: u8| Image {
            width: 21,
            height: 18,
            planes: vec![vec![level; 21 * 18]; 3],
        };
        for wanted in 0..3 {
            let levels = [30, 200, 90];
            let film = Film {
                frames: levels.map(frame).to_vec(),
                wanted,
            };
            let decoded = Codec::X264 { crf: 10 }.degrade(&film).unwrap();
            let samples = decoded.planes.iter().flatten();
            let off = samples.map(|sample| sample.abs_diff(levels[wanted]));
            assert!(off.max().unwrap() <= 3, "frame {wanted}: {decoded:?}");
        }
    }

    #[test]
    fn what_is_no_codec_is_named() {
        assert_eq!("x264:23".parse(), Ok(Codec::X264 { crf: 23 }));
        assert_eq!("jpeg:70".parse(), Ok(Codec::Jpeg { quality: 70 }));
        for (text, expected) in [
            ("vp9:3", "x264:CRF"),
            ("x264:52", "`52`"),
            ("jpeg:0", "`0`"),
            ("jpeg", "jpeg:QUALITY"),
        ] {
            let message = text.parse::<Codec>().unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
