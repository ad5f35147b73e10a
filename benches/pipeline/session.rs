//! One process of the benchmark: contenders that take turns on the same frames.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::ValueEnum;
use gstrclut::engine::{Cpu, Model};
use tempfile::TempDir;

use super::{fsrcnnx::Fsrcnnx, player::Player, record::Speed, support::frames};

/// Rounds; in each, every contender plays once.
const ROUNDS: usize = 9;
/// About how long a contender plays in a round.
const TURN: Duration = Duration::from_millis(250);

/// Whom the others are compared to.
pub const YARDSTICK: &str = "videoscale lanczos";

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Session {
    /// Full HD to 4K.
    X2,
    /// The same with one frame again and again.
    Still,
    /// 720p to 4K.
    X3,
    /// 540p to 4K.
    X4,
    /// A picture too small for a second thread to pay: with one thread, and with as many as there are cores.
    Small,
}

impl Session {
    /// Width, height and scale.
    pub fn size(self) -> (u32, u32, u32) {
        match self {
            Self::X2 | Self::Still => (1920, 1080, 2),
            Self::X3 => (1280, 720, 3),
            Self::X4 => (960, 540, 4),
            Self::Small => (64, 64, 2),
        }
    }

    /// As it stands on the command line.
    pub fn argument(self) -> String {
        let value = self.to_possible_value().expect("no session is hidden");
        value.get_name().to_owned()
    }

    /// As it stands in the record.
    pub fn name(self) -> String {
        let (width, height, scale) = self.size();
        match self {
            Self::Still => format!("{width}x{height} x{scale}, still"),
            _ => format!("{width}x{height} x{scale}"),
        }
    }

    /// How many different frames are played in turn.
    fn frames(self) -> usize {
        match self {
            Self::Still => 1,
            _ => 8,
        }
    }
}

/// Whoever scales frames.
enum Contender {
    Pipeline(Player),
    Fsrcnnx(Fsrcnnx),
}

impl Contender {
    fn play(&mut self, count: u32) -> Result<Duration> {
        match self {
            Self::Pipeline(player) => player.play(count),
            Self::Fsrcnnx(fsrcnnx) => fsrcnnx.play(count),
        }
    }
}

/// A contender's turns.
struct Turns {
    name: String,
    threads: u32,
    contender: Contender,
    /// Frames a turn.
    count: u32,
    /// Seconds a frame, of each round.
    seconds: Vec<f64>,
}

impl Turns {
    fn new(name: &str, threads: u32, mut contender: Contender) -> Result<Self> {
        // The first frame negotiates, packs tables and touches memory.
        contender.play(1).with_context(|| name.to_owned())?;
        let second = contender.play(1).with_context(|| name.to_owned())?;
        Ok(Self {
            name: name.to_owned(),
            threads,
            contender,
            count: (TURN.as_secs_f64() / second.as_secs_f64()).clamp(1.0, 500.0) as u32,
            seconds: Vec::new(),
        })
    }

    fn play(&mut self) -> Result<()> {
        let time = self
            .contender
            .play(self.count)
            .with_context(|| self.name.clone())?;
        self.seconds
            .push(time.as_secs_f64() / f64::from(self.count));
        Ok(())
    }
}

/// The models of a scale that are to be measured.
pub type Models = fn(u32) -> Vec<Arc<Model>>;

/// Runs a session with `threads` threads and the instruction set that the environment allows.
///
/// # Errors
/// If the video cannot be decoded or a contender fails.
pub fn run(session: Session, models: Models, threads: u32, video: &Path) -> Result<Vec<Speed>> {
    let folder = tempfile::tempdir()?;
    let mut turns = contenders(session, models, threads, video, &folder)?;
    for _ in 0..ROUNDS {
        turns.iter_mut().try_for_each(Turns::play)?;
    }
    let yardstick = turns.iter().find(|turns| turns.name == YARDSTICK);
    let yardstick = yardstick.context("the yardstick plays")?.seconds.clone();
    let cpu = Cpu::allowed(None)?.name();
    let speeds = turns.iter().map(|turns| {
        let ratios = turns.seconds.iter().zip(&yardstick);
        Speed {
            session: session.name(),
            contender: turns.name.clone(),
            cpu: cpu.to_owned(),
            threads: turns.threads,
            frames_per_second: 1.0 / median(turns.seconds.clone()),
            ratio: median(ratios.map(|(own, yardstick)| yardstick / own).collect()),
        }
    });
    Ok(speeds.collect())
}

fn contenders(
    session: Session,
    models: Models,
    threads: u32,
    video: &Path,
    folder: &TempDir,
) -> Result<Vec<Turns>> {
    let (width, height, scale) = session.size();
    let info = frames::info(width, height);
    let frames = frames::natural(video, &info, session.frames())?;
    let pipeline = |element: &str| {
        let player = Player::new(element, &info, frames.clone());
        player
            .map(Contender::Pipeline)
            .with_context(|| element.to_owned())
    };
    let lanczos = pipeline(&format!(
        "videoscale method=lanczos n-threads={threads} ! video/x-raw,width={},height={}",
        width * scale,
        height * scale
    ))?;
    let mut turns = vec![Turns::new(YARDSTICK, threads, lanczos)?];
    let counts = match session {
        Session::Small => vec![1, 0],
        _ => vec![threads],
    };
    for model in models(scale) {
        let path = save(&model, folder)?;
        for threads in &counts {
            let rclut = format!("rclut name=rclut model={path} scale={scale} n-threads={threads}");
            turns.push(Turns::new(&model.info().name, *threads, pipeline(&rclut)?)?);
        }
    }
    if session == Session::X2 {
        match Fsrcnnx::new(width, height, scale, threads) {
            Some(fsrcnnx) => {
                let contender = Contender::Fsrcnnx(fsrcnnx);
                turns.push(Turns::new("FSRCNNX 8-0-4-1 (luma)", threads, contender)?);
            }
            None => eprintln!("skipped: FSRCNNX needs python3 with benches/peers/requirements.txt"),
        }
    }
    Ok(turns)
}

/// Writes a model where the element finds it.
pub fn save(model: &Arc<Model>, folder: &TempDir) -> Result<String> {
    let path = folder
        .path()
        .join(format!("{}.safetensors", model.info().name));
    model.save(&path)?;
    Ok(path.to_str().context("a path in UTF-8")?.to_owned())
}

/// The middle of some values; of two in the middle, the higher.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
