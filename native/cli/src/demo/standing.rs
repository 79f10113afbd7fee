//! How the endpoints stand with the balancer, in words: who is ejected and when it is asked again,
//! who is spared and by which rule, and until when the level is calm.

use core::time::Duration;

use evenkeel::core::Instant;
use evenkeel::health::{Health, Held};
use evenkeel::{Status, Target};

use super::backend::label;
use super::course::RULES;
use super::table::short;
use crate::screen::{Line, Tone};

/// Draws a line for each thing that is not as usual; `when` writes a time of the balancer's clock.
pub(super) fn lines(
    endpoints: &[Status],
    now: Instant,
    when: impl Fn(Instant) -> String,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let out = || endpoints.iter().filter(|status| status.health.is_ejected());
    if out().next().is_some() {
        let text = format!(
            " out: {} ejected; {}",
            names(out().map(|status| &status.target)),
            next_probe(out().map(|status| status.health), now)
        );
        lines.push(Line::new().put(Tone::Warning, text));
    }
    for rule in RULES {
        let held = || endpoints.iter().filter(|status| status.held == Some(rule));
        if held().next().is_some() {
            let targets = names(held().map(|status| &status.target));
            let text = format!(" held: {targets} not ejected, though failing: {}", why(rule));
            lines.push(Line::new().put(Tone::Warning, text));
        }
    }
    if let Some(until) = endpoints.iter().filter_map(|status| status.calm_until).max() {
        let until = when(until);
        let text = format!(" calm: until {until} none is ejected, unless another level is well");
        lines.push(Line::new().put(Tone::Warning, text));
    }
    lines
}

/// Says in a few words why an endpoint is not ejected.
pub(super) fn why(rule: Held) -> &'static str {
    match rule {
        Held::Calm => "its level is calm",
        Held::NobodyWell => "nobody else is well",
        Held::Harm => "the load of others may harm it",
        Held::Minority => "most others fail, too",
        Held::Percent => "enough are ejected",
    }
}

/// Says when the first of these is asked again whether it works.
fn next_probe(out: impl Iterator<Item = Health>, now: Instant) -> String {
    let wait = |health| match health {
        Health::Probing { .. } => None,
        Health::Ejected { until, .. } => Some(until.saturating_since(now)),
        Health::HalfOpen | Health::Healthy | Health::Overloaded { .. } | Health::Down => {
            Some(Duration::ZERO)
        }
    };
    match out.filter_map(wait).min() {
        None => "a probe is under way".to_owned(),
        Some(Duration::ZERO) => "a probe is due".to_owned(),
        Some(wait) => format!("a probe is due in {}", short(wait)),
    }
}

fn names<'a>(targets: impl Iterator<Item = &'a Target>) -> String {
    targets.map(label).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use evenkeel::Candidacy;
    use evenkeel::health::Reason;

    use super::super::course::tests::endpoint;
    use super::*;

    fn told(endpoints: &[Status]) -> Vec<String> {
        let when = |at: Instant| format!("{:?}", at.saturating_since(Instant::ZERO));
        lines(endpoints, Instant::from_secs(10), when).iter().map(Line::plain).collect()
    }

    fn ejected(name: &str, until: u64) -> Status {
        let until = Instant::from_secs(until);
        let health = Health::Ejected { reason: Reason::ConsecutiveFailures, until };
        Status { health, ..endpoint(name, Candidacy::Unhealthy) }
    }

    #[test]
    fn who_is_out_is_named_with_the_next_probe() {
        assert_eq!(told(&[endpoint("ash", Candidacy::Candidate)]), Vec::<String>::new());
        let mut out = [ejected("ash", 14), ejected("birch", 12)];
        assert_eq!(told(&out), [" out: ash, birch ejected; a probe is due in 2.0 s"]);
        out[1].health = Health::Probing { until: Instant::from_secs(11) };
        assert_eq!(told(&out), [" out: ash, birch ejected; a probe is due in 4.0 s"]);
        assert_eq!(told(&out[1..]), [" out: birch ejected; a probe is under way"]);
        out[0].health = Health::HalfOpen;
        assert_eq!(told(&out), [" out: ash, birch ejected; a probe is due"]);
    }

    #[test]
    fn who_is_spared_is_named_with_the_rule_and_the_end_of_the_calm() {
        let held = |name, rule| Status { held: Some(rule), ..endpoint(name, Candidacy::Candidate) };
        let mut all = ["ash", "birch"].map(|name| held(name, Held::Calm));
        all[0].calm_until = Some(Instant::from_secs(16));
        let calm = " calm: until 16s none is ejected, unless another level is well";
        assert_eq!(
            told(&all),
            [" held: ash, birch not ejected, though failing: its level is calm", calm]
        );
        all[1] = held("birch", Held::NobodyWell);
        assert_eq!(
            told(&all),
            [
                " held: ash not ejected, though failing: its level is calm",
                " held: birch not ejected, though failing: nobody else is well",
                calm
            ]
        );
    }
}
