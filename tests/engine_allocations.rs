//! Does the engine leave memory alone once it has seen a size?

mod support;

use std::alloc::System;

use gstrclut::engine::{History, Options, Plane, PlaneMut, Upscaler, model::Graph};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::tables::{self, Kind};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CALLS: usize = 200;

/// Allocations of many calls after the first, at 8 and at 10 bits, alone and after others.
fn allocations(threads: usize) -> usize {
    let graph = Graph::parse("3 5 7 s ; 3' 5 7' y s@0", 2).unwrap();
    let model = tables::model(&graph, Kind::Smooth, 1);
    let options = Options {
        threads,
        band_rows: 3,
        ..Options::default()
    };
    let graph = Graph::parse("connect ; s", 2).unwrap();
    let mixing = tables::model(&graph, Kind::Smooth, 1);
    let mut mixing = Upscaler::new(&mixing, options.clone()).unwrap();
    let mut upscaler = Upscaler::new(&model, options).unwrap();
    let (mut narrow, deep) = (vec![90u8; 17 * 13], vec![360u16; 17 * 13]);
    let (mut narrow_out, mut deep_out) = (vec![0u8; 34 * 26], vec![0u16; 34 * 26]);
    let mut history = History::default();
    let mut calls = 0;
    let mut call = || {
        // A stream of pictures that are shown three times each.
        narrow[40] = calls / 3;
        calls = calls.wrapping_add(1);
        let source = Plane::new(&narrow, 17, 13, 17).unwrap();
        let mut destination = PlaneMut::new(&mut narrow_out, 34, 26, 34).unwrap();
        upscaler.plane_u8(&source, &mut destination).unwrap();
        let after = upscaler.plane_u8_after(&mut history, &source, &mut destination);
        after.unwrap();
        mixing.connect_u8([&source; 3]).unwrap();
        for colour in 0..3 {
            mixing.colour_u8(colour, &mut destination).unwrap();
        }
        let source = Plane::new(&deep, 17, 13, 17).unwrap();
        let mut destination = PlaneMut::new(&mut deep_out, 34, 26, 34).unwrap();
        upscaler.plane_u16(&source, &mut destination, 10).unwrap();
    };
    call();
    let region = Region::new(ALLOCATOR);
    for _ in 0..CALLS {
        call();
    }
    let change = region.change();
    change.allocations + change.reallocations
}

/// One test, so that no other allocates meanwhile.
#[test]
fn a_call_after_the_first_allocates_nothing() {
    assert_eq!(allocations(1), 0);
    // Rayon's queue of jobs from outside takes a block of memory for every 63; each call hands it one job a plane.
    let allocations = allocations(4);
    assert!(
        allocations <= 6 * CALLS / 60,
        "{allocations} in {CALLS} calls"
    );
}
