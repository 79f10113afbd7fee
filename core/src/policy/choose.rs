use super::{Cx, Policy, View};
use crate::balancer::Why;
use crate::error::PickError;

/// How often a policy is asked again when it names a place to avoid, before the places after it are tried in turn.
const REDRAWS: usize = 4;

/// One pick by `policy` from `view`, stepping over the slots to avoid.
///
/// When all candidates are to be avoided, one of them is picked all the same, as the last resort.
///
/// # Errors
/// [`PickError::Declined`] when the policy declines, or names a place outside the view.
#[inline]
pub fn choose<P: Policy>(policy: &P, view: &View<'_>, cx: &mut Cx<'_>) -> Result<(usize, Why), PickError> {
    let place = ask(policy, view, cx)?;
    if view.avoided() == 0 { Ok((place, Why::Policy)) } else { step_over(policy, view, cx, place) }
}

#[cold]
fn step_over<P: Policy>(
    policy: &P,
    view: &View<'_>,
    cx: &mut Cx<'_>,
    mut place: usize,
) -> Result<(usize, Why), PickError> {
    // With more candidates than slots to avoid, one of them is free for certain.
    if view.len() <= view.avoided() && !(0..view.len()).any(|place| view.allowed(place)) {
        return Ok((place, Why::LastResort));
    }
    for _ in 0..REDRAWS {
        if view.allowed(place) {
            return Ok((place, Why::Retry));
        }
        place = ask(policy, view, cx)?;
    }
    let next = (place..view.len()).chain(0..place).find(|&next| view.allowed(next));
    Ok((next.unwrap_or(place), Why::Retry))
}

fn ask<P: Policy>(policy: &P, view: &View<'_>, cx: &mut Cx<'_>) -> Result<usize, PickError> {
    policy.pick(view, cx).filter(|&place| place < view.len()).ok_or(PickError::Declined)
}
