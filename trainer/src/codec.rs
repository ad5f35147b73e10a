//! Low-resolution images through real encoders: what people have to upscale is compressed.

use std::{
    fmt::{self, Display},
    fs::File,
    io::BufWriter,
    path::Path,
    process::Command,
    str::FromStr,
};

use anyhow::{Context, Result, bail, ensure};
use image::codecs::jpeg::JpegEncoder;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::image::Image;

/// An encoder and how hard it presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264 by x264, 4:2:0, at a constant rate factor of 0..=51; the image is a video's first frame. Run by ffmpeg.
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
    /// The image, encoded and decoded.
    ///
    /// # Errors
    /// If a temporary file cannot be written, or ffmpeg is not there or refuses; the message has its own words.
    pub fn degrade(self, image: &Image) -> Result<Image> {
        let folder = tempfile::tempdir().context("temporary folder")?;
        match self {
            Self::X264 { crf } => through_x264(image, crf, folder.path()),
            Self::Jpeg { quality } => through_jpeg(image, quality, folder.path()),
            Self::Noise { sigma } => Ok(with_noise(image, sigma.into())),
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

fn through_x264(image: &Image, crf: u8, folder: &Path) -> Result<Image> {
    // 4:2:0 takes even sides only: the last column and row are repeated, and cut off again.
    let even = Image {
        width: image.width.next_multiple_of(2),
        height: image.height.next_multiple_of(2),
        planes: image
            .planes
            .iter()
            .map(|plane| padded(plane, image.width, image.height))
            .collect(),
    };
    even.save_png(folder.join("image.png"))?;
    let crf = crf.to_string();
    let encode = [
        "-i",
        "image.png",
        "-c:v",
        "libx264",
        "-crf",
        &crf,
        "-pix_fmt",
        "yuv420p",
        "video.mkv",
    ];
    ffmpeg(folder, &encode)?;
    let format = if image.planes.len() == 1 {
        "gray"
    } else {
        "rgb24"
    };
    let decode = [
        "-i",
        "video.mkv",
        "-frames:v",
        "1",
        "-pix_fmt",
        format,
        "decoded.png",
    ];
    ffmpeg(folder, &decode)?;
    let decoded = Image::open(folder.join("decoded.png"))?;
    ensure!(
        (decoded.width, decoded.height) == (even.width, even.height),
        "found {}x{} pixels after decoding, expected {}x{}",
        decoded.width,
        decoded.height,
        even.width,
        even.height
    );
    Ok(decoded.crop(0, 0, image.width, image.height))
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

fn ffmpeg(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-threads", "1"])
        .args(arguments);
    let run = command.current_dir(folder).output();
    let run = run.context("ffmpeg cannot be run; x264 needs ffmpeg with libx264 on the PATH")?;
    if !run.status.success() {
        bail!(
            "ffmpeg failed: {}",
            String::from_utf8_lossy(&run.stderr).trim()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(codec: Codec, image: &Image) -> f64 {
        let degraded = codec.degrade(image).unwrap();
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
