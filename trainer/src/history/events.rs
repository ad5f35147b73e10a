//! TensorBoard's event files: protocol buffers in TFRecord frames.
//!
//! A frame is the data's length (u64), its checksum, the data, its checksum; a checksum is the CRC-32C rotated and
//! shifted by a constant. Numbers are little-endian. The messages are those fields of TensorFlow's `event.proto` and
//! `summary.proto` that scalars need.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use prost::Message;

#[derive(Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session: Option<Session>,
}

#[derive(Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[derive(Message)]
struct Session {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `SessionLog.START`: TensorBoard forgets what earlier files of the run hold from this step on.
const SESSION_START: i32 = 1;

/// A file of events that grows.
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// A new file in a run's folder, for a run that goes on after step `resumed`.
    pub fn create(folder: &Path, resumed: u64) -> Result<Self> {
        let now = since_epoch();
        // The name sorts by time; the process tells apart two runs of one second.
        let name = format!(
            "events.out.tfevents.{:010}.{:09}.{}",
            now.as_secs(),
            now.subsec_nanos(),
            process::id()
        );
        let path = folder.join(name);
        let file = File::create(&path).with_context(|| format!("events {}", path.display()))?;
        let mut events = Self { path, file };
        events.write(Event {
            file_version: Some("brain.Event:2".to_owned()),
            ..event(0)
        })?;
        events.write(Event {
            session: Some(Session {
                status: SESSION_START,
            }),
            ..event(resumed + 1)
        })?;
        Ok(events)
    }

    pub fn write_scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<()> {
        let value = Value {
            tag: tag.to_owned(),
            simple_value: Some(value as f32),
        };
        self.write(Event {
            summary: Some(Summary {
                values: vec![value],
            }),
            ..event(step)
        })
    }

    fn write(&mut self, event: Event) -> Result<()> {
        let frame = frame(&event.encode_to_vec());
        self.file
            .write_all(&frame)
            .with_context(|| format!("events {}", self.path.display()))
    }
}

fn event(step: u64) -> Event {
    Event {
        wall_time: since_epoch().as_secs_f64(),
        step: step as i64,
        ..Event::default()
    }
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut frame = length.to_vec();
    frame.extend(checksum(&length).to_le_bytes());
    frame.extend(data);
    frame.extend(checksum(data).to_le_bytes());
    frame
}

/// TFRecord's masked CRC-32C.
fn checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_that_tensorboard_reads() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), 0).unwrap();
        events.write_scalar("loss", 300, 0.25).unwrap();
        let bytes = std::fs::read(&events.path).unwrap();
        // The last frame: length and checksum, the event, its checksum.
        let event = b"\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x80\x3e";
        let data_end = bytes.len() - 4;
        assert!(bytes[..data_end].ends_with(event));
        let data = &bytes[data_end - event.len() - 9..data_end];
        assert_eq!(data[0], 0x09, "the wall time's field");
        assert_eq!(bytes[data_end..], checksum(data).to_le_bytes());
        assert_eq!(
            bytes[data_end - data.len() - 12..][..8],
            (data.len() as u64).to_le_bytes()
        );
    }

    #[test]
    fn the_checksum_is_the_masked_castagnoli_one() {
        // CRC-32C of "123456789" is 0xe3069283 (RFC 3720's polynomial); rotated by 15 bits it is 0x2507c60d.
        assert_eq!(
            checksum(b"123456789"),
            0x2507_c60du32.wrapping_add(0xa282_ead8)
        );
    }
}
