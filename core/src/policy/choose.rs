use super::{Cx, Policy, View};
use crate::balancer::Why;
use crate::error::PickError;

/// How often a policy is asked again when it names a place to avoid, before the places after it are tried in turn.
const REDRAWS: usize = 4;

/// One pick by `policy` from `view`, stepping over the slots to avoid.
///
/// When all candidates are to be avoided, the policy picks as if none were: the last resort.
///
/// # Errors
/// [`PickError::Declined`] when the policy declines, or names a place outside the view.
#[inline]
pub fn choose<P: Policy>(policy: &P, view: &View<'_>, cx: &mut Cx<'_>) -> Result<(usize, Why), PickError> {
    if view.avoided() == 0 {
        return Ok((ask(policy, view, cx)?, Why::Policy));
    }
    // By value: the view and the context of a pick that avoids nothing then never leave the registers.
    step_over(policy, *view, cx.reborrow())
}

#[cold]
fn step_over<P: Policy>(policy: &P, view: View<'_>, mut cx: Cx<'_>) -> Result<(usize, Why), PickError> {
    let (view, cx) = (&view, &mut cx);
    if !view.any_allowed() {
        return Ok((ask(policy, &view.avoiding(&[]), cx)?, Why::LastResort));
    }
    let mut place = ask(policy, view, cx)?;
    for _ in 0..REDRAWS {
        if view.allowed(place) {
            return Ok((place, Why::Retry));
        }
        place = ask(policy, view, cx)?;
    }
    let next = (place..view.len()).chain(0..place).find(|&next| view.allowed(next));
    Ok((next.unwrap_or(place), Why::Retry))
}

#[inline]
fn ask<P: Policy>(policy: &P, view: &View<'_>, cx: &mut Cx<'_>) -> Result<usize, PickError> {
    policy.pick(view, cx).filter(|&place| place < view.len()).ok_or(PickError::Declined)
}
