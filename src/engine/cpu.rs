//! Which instructions the processor has, and which of them are used.

use std::{env, str::FromStr, sync::OnceLock};

use super::UpscaleError;

/// The environment variable that lowers the instruction set, to a [`Cpu::name`].
pub const VARIABLE: &str = "RCLUT_CPU";

/// Instruction sets that kernels are written for, each with all that is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cpu {
    /// What every processor has.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL, VBMI and VNNI.
    Avx512,
}

impl Cpu {
    /// All instruction sets, the lowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The name that the environment variable `RCLUT_CPU` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The highest instruction set of this processor, found out once.
    #[must_use]
    pub fn detected() -> Self {
        static DETECTED: OnceLock<Cpu> = OnceLock::new();
        *DETECTED.get_or_init(detect)
    }

    /// The highest instruction set that the processor has and that neither the environment nor `limit` rules out.
    ///
    /// # Errors
    /// [`UpscaleError::Cpu`] if the environment names none.
    pub fn allowed(limit: Option<Self>) -> Result<Self, UpscaleError> {
        let detected = Self::detected().min(limit.unwrap_or(Self::Avx512));
        match env::var(VARIABLE) {
            Ok(name) => Ok(detected.min(name.parse()?)),
            Err(_) => Ok(detected),
        }
    }
}

impl FromStr for Cpu {
    type Err = UpscaleError;

    fn from_str(name: &str) -> Result<Self, UpscaleError> {
        let found = Self::ALL.into_iter().find(|cpu| cpu.name() == name);
        found.ok_or_else(|| UpscaleError::Cpu {
            found: name.to_owned(),
        })
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Cpu {
    let avx2 = is_x86_feature_detected!("avx2");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vnni");
    match (avx512, avx2) {
        (true, _) => Cpu::Avx512,
        (_, true) => Cpu::Avx2,
        _ => Cpu::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Cpu {
    Cpu::Portable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_only_lowers() {
        assert_eq!(Cpu::allowed(Some(Cpu::Portable)).unwrap(), Cpu::Portable);
        assert!(Cpu::allowed(Some(Cpu::Avx512)).unwrap() <= Cpu::detected());
    }

    #[test]
    fn names_are_read_back() {
        for cpu in Cpu::ALL {
            assert_eq!(cpu.name().parse::<Cpu>().unwrap(), cpu);
        }
        let error = "sse9".parse::<Cpu>().unwrap_err().to_string();
        assert!(error.contains("sse9") && error.contains("avx2"), "{error}");
    }
}
