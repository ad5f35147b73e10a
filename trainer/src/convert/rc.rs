//! An RC module in fixed point (ARITHMETIC section 4): the contributions before the tanh, so that a sum of integers is
//! squashed once, exactly where the network squashes its mean.

use anyhow::{Context, Result};
use gstrclut::engine::model::{RcModule, RcTables};
use tch::{Device, Kind};

use crate::{grow::rc::thresholds, network::rc::RcNetwork};

/// Most fraction bits that the format allows.
const MOST_FRACTION_BITS: u32 = 15;

/// Tables of a trained module; sets the module's fraction bits to the most with which 16 bits hold every contribution.
pub(super) fn convert(network: &RcNetwork, module: &mut RcModule) -> Result<RcTables> {
    let contributions = network.contributions().transpose(0, 1).contiguous();
    let contributions = contributions.to_kind(Kind::Double).to_device(Device::Cpu);
    let contributions = Vec::try_from(contributions.flatten(0, 1)).expect("a vector of numbers");
    module.entries = 256;
    module.fraction_bits = fraction_bits(&contributions)?;
    Ok(RcTables {
        contributions: fixed_point(&contributions, module.fraction_bits),
        thresholds: thresholds(*module),
    })
}

/// The most fraction bits with which 16 bits hold every value.
fn fraction_bits(values: &[f64]) -> Result<u32> {
    let largest = values
        .iter()
        .fold(0.0f64, |largest, value| largest.max(value.abs()));
    let fits = |bits: &u32| (largest * f64::from(1 << bits)).round() <= f64::from(i16::MAX);
    // `max` above passes over a NaN.
    let finite = values.iter().all(|value| value.is_finite());
    let bits = (0..=MOST_FRACTION_BITS).rev().find(fits);
    bits.filter(|_| finite).with_context(|| {
        format!("RC contributions: found values up to {largest}, expected finite ones up to 32767")
    })
}

fn fixed_point(values: &[f64], bits: u32) -> Vec<i16> {
    let scale = f64::from(1 << bits);
    let values = values.iter().map(|value| (value * scale).round_ties_even());
    values.map(|value| value as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fraction_bits_are_the_most_that_fit() {
        assert_eq!(fraction_bits(&[0.25, -0.9]).unwrap(), 15);
        assert_eq!(fraction_bits(&[32767.0 / 4096.0]).unwrap(), 12);
        assert_eq!(fraction_bits(&[-8.0]).unwrap(), 11);
        for bad in [f64::NAN, f64::INFINITY, 32768.0] {
            assert!(fraction_bits(&[0.0, bad]).is_err(), "{bad}");
        }
    }
}
