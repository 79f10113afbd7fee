//! Bytes as candidates.

use super::scene::Scene;
use crate::input::Input;

/// The most candidates: more than the smallest tables hold.
const MOST: usize = 24;

pub(super) fn scene(input: &mut Input<'_>) -> Scene<String> {
    let addresses: Vec<_> = (0..=input.below(MOST)).map(|number| address(input, number)).collect();
    let mut scene = Scene::new(addresses);
    let count = scene.slots().len();
    scene.weigh(weights(input, count));
    if input.below(2) > 0 {
        // One more than there are candidates: for a slot that is not one.
        let loads: Vec<_> = (0..=count).map(|_| (input.number() as u32, input.number())).collect();
        scene.load(loads);
    }
    scene
}

/// None to avoid, all, or some; and sometimes one that is no candidate.
pub(super) fn avoid(scene: &Scene<String>, input: &mut Input<'_>) -> Vec<usize> {
    let mask = match input.below(4) {
        0 | 1 => return Vec::new(),
        2 => u32::MAX,
        _ => (0..4).fold(0, |mask, _| mask << 8 | u32::from(input.byte())),
    };
    let chosen = scene.slots().iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1);
    let departed = (input.below(2) == 1).then_some(usize::MAX);
    departed.into_iter().chain(chosen.map(|(_, &slot)| slot)).collect()
}

/// An address in one of the forms that ketama tells apart, or anything at all.
fn address(input: &mut Input<'_>, number: usize) -> String {
    match input.below(5) {
        0 => format!("10.0.0.{number}:80"),
        1 => format!("host:{number}"),
        2 => format!("unix:/run/{number}"),
        3 => format!("{number}"),
        _ => String::from_utf8_lossy(input.bytes(80)).into_owned(),
    }
}

fn weights(input: &mut Input<'_>, count: usize) -> Vec<u32> {
    let kind = input.below(8);
    let one = input.below(count);
    let weight = |place: usize| match kind {
        0 => 1,
        2 if place == one => 1,
        1 | 2 => u32::MAX,
        3 => 1 + u32::from(place == one),
        4 => 1 + u32::from(input.byte() % 4),
        5 => u32::from(input.byte() % 4),
        _ => input.weight(),
    };
    (0..count).map(weight).collect()
}
