//! The networks, held to the papers' formulation of them: same values, same gradients.
#![cfg(feature = "torch")]

#[path = "support/networks.rs"]
mod networks;
#[path = "support/unfold.rs"]
mod unfold;

use networks::{network, noise};
use rclut_trainer::network::{Architecture, Block, Network, RcActivation, tape::Tape};
use tch::{Device, Kind, Tensor};
use unfold::Unfolded;

/// Random values, `[2, 1, 7, 9]`.
fn source(network: &Network) -> Tensor {
    network.input(&noise(2 * 7 * 9, 1), 2, (7, 9))
}

#[test]
fn every_network_equals_the_unfolded_one_in_values_and_gradients() {
    let keep = |_: &mut Architecture| ();
    let relu = |a: &mut Architecture| a.rc_activation = RcActivation::Relu;
    let plain = |a: &mut Architecture| a.block = Block::Plain;
    let networks = [
        ("srlut x4", network("srlut", 4, keep)),
        ("mulut x2", network("mulut", 2, keep)),
        ("mulut plain x1", network("mulut", 1, plain)),
        ("every pattern x3", network("s d y e ; h o f s@0", 3, keep)),
        ("rclut x2", network("rclut", 2, keep)),
        ("rclut relu x4", network("rclut", 4, relu)),
        ("rc-srlut x3", network("rc-srlut", 3, keep)),
        ("rc-mulut relu x2", network("rc-mulut", 2, relu)),
        ("patterns behind RC", network("5d 3y ; 3y 7@0", 2, keep)),
    ];
    for (name, network) in networks {
        let source = source(&network);
        let gradients = |out: &Tensor, tape: Tape| {
            // A loss that weighs every output differently.
            let weights = Tensor::arange(out.numel() as i64, (Kind::Double, Device::Cpu)).sin();
            tape.backward(&(out.flatten(0, -1) * weights).sum(Kind::Double));
            let parameters = network.parameters().into_iter();
            let taken = parameters.map(|(name, parameter)| {
                let gradient = parameter.grad().copy();
                let _ = parameter.grad().zero_();
                (name, gradient)
            });
            taken.collect::<Vec<_>>()
        };
        let mut tape = Tape::default();
        let ours = network.record(&source, &mut tape);
        let papers = Unfolded::new(&network).forward(&source);
        assert_eq!(ours.size(), papers.size(), "{name}");
        let largest = (&ours - &papers).abs().max().double_value(&[]);
        assert!(largest < 1e-9, "{name}: values differ by {largest}");
        let deviation = 255.0 * ours.std(true).double_value(&[]);
        println!("{name}: deviation {deviation:.2} levels");
        assert!(deviation > 0.1, "{name}: the output is flat");
        let papers = gradients(&papers, Tape::default());
        for ((parameter, ours), (_, papers)) in gradients(&ours, tape).iter().zip(papers) {
            let scale = papers.abs().max().double_value(&[]).max(1e-6);
            let difference = (ours - papers).abs().max().double_value(&[]) / scale;
            assert!(
                difference < 1e-6,
                "{name}, {parameter}: gradients differ by {difference}"
            );
        }
    }
}

#[test]
fn learned_offsets_on_whole_pixels_read_as_fixed_ones_and_feel_their_gradient() {
    let learned = network("j ; s", 2, |_| ());
    let offsets = learned.parameters();
    let (_, offsets) = offsets
        .iter()
        .find(|(name, _)| name == "stage1.branch1.offsets")
        .unwrap();
    let pattern = Tensor::from_slice(&[0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 2.0, 2.0]).view([4, 2]);
    tch::no_grad(|| offsets.shallow_clone().copy_(&pattern));
    let fixed = network("d ; s", 2, |_| ());
    for (name, weight) in fixed.parameters() {
        let learned = learned.parameters();
        let (_, from) = learned.iter().find(|(other, _)| *other == name).unwrap();
        tch::no_grad(|| weight.shallow_clone().copy_(from));
    }
    let source = source(&fixed);
    let mut tape = Tape::default();
    let out = learned.record(&source, &mut tape);
    let difference = (&out - fixed.forward(&source))
        .abs()
        .max()
        .double_value(&[]);
    assert!(difference < 1e-9, "{difference}");
    tape.backward(&out.sum(Kind::Double));
    assert!(offsets.grad().abs().sum(Kind::Double).double_value(&[]) > 0.0);
}
