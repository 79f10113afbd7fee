//! What `evenkeel watch` prints.

use std::collections::BTreeMap;
use std::io;

use evenkeel::core::Instant;
use evenkeel::{Change, DiscoveryStatus, Endpoint, Skipped, SourceHealth, Target};
use serde_json::{Value, json};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use super::place::Place;
use crate::screen::{Line, Screen, Tone, place};

/// What has been printed.
pub(super) struct Log {
    place: Place,
    json: bool,
    screen: Screen,
    known: BTreeMap<Target, Endpoint<Target>>,
    trouble: Option<String>,
    empty_held: u64,
    /// Queries that had failed when discovery was well last.
    failures: u64,
    skipped: Skipped,
}

impl Log {
    pub(super) fn new(place: Place, json: bool) -> Self {
        Self {
            place,
            json,
            screen: Screen::new(json),
            known: BTreeMap::new(),
            trouble: None,
            empty_held: 0,
            failures: 0,
            skipped: Skipped::default(),
        }
    }

    /// Tells people what is watched.
    pub(super) fn begin(&mut self, what: &str) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        self.print(Tone::Quiet, &format!("watching {what}; ctrl-C ends it"))
    }

    pub(super) fn change(&mut self, change: Change) -> io::Result<()> {
        match change {
            Change::Added(endpoint) => {
                let text = format!("+ {}", describe(&endpoint));
                self.say(
                    Tone::Good,
                    &text,
                    json!({"event": "added", "endpoint": facts(&endpoint)}),
                )?;
                self.known.insert(endpoint.addr.clone(), endpoint);
            }
            Change::Removed(endpoint) => {
                let text = format!("- {}", place(&endpoint.addr));
                self.say(
                    Tone::Bad,
                    &text,
                    json!({"event": "removed", "endpoint": facts(&endpoint)}),
                )?;
                self.known.remove(&endpoint.addr);
            }
            Change::Changed(endpoint) => {
                let before = self.known.insert(endpoint.addr.clone(), endpoint.clone());
                let was =
                    before.map(|before| format!(" (was {})", rank(&before))).unwrap_or_default();
                let text = format!("~ {}{was}", describe(&endpoint));
                let facts = json!({"event": "changed", "endpoint": facts(&endpoint)});
                self.say(Tone::Warning, &text, facts)?;
            }
        }
        Ok(())
    }

    /// Says how many there are, once all changes of an answer are told.
    pub(super) fn count(&mut self, status: &DiscoveryStatus, now: Instant) -> io::Result<()> {
        let count = self.known.len();
        let server = status.server.as_deref();
        let from = server.map(|server| format!(" from {server}")).unwrap_or_default();
        let text = format!("  {}{from}{}", endpoints(count), asked_again(status, now));
        let mut facts = json!({"event": "set", "endpoints": count, "server": server});
        put_standing(&mut facts, status, now);
        self.say(Tone::Quiet, &text, facts)
    }

    /// Says what of an answer is no endpoint, when that changes.
    fn skipped(&mut self, skipped: &Skipped) -> io::Result<()> {
        if self.skipped == *skipped {
            return Ok(());
        }
        self.skipped = skipped.clone();
        if skipped.count() == 0 {
            return Ok(());
        }
        let text = format!("! left out: {}", reasons(skipped));
        let facts = json!({
            "event": "skipped",
            "records": skipped.count(),
            "reasons": skipped.reasons().iter().map(|reason| &**reason).collect::<Vec<_>>(),
        });
        self.say(Tone::Warning, &text, facts)
    }

    /// Says once what is wrong with discovery, and once that it is well again.
    pub(super) fn health(&mut self, status: &DiscoveryStatus, now: Instant) -> io::Result<()> {
        self.skipped(&status.skipped)?;
        let empty = status.empty_held > self.empty_held;
        self.empty_held = status.empty_held;
        let trouble = match &status.error {
            Some(error) => error.to_string(),
            None if empty && status.absent => "the service is declared absent".to_owned(),
            None if empty && status.skipped.count() > 0 => {
                format!("nothing of the answer can be used: {}", reasons(&status.skipped))
            }
            None if empty => self.place.nothing().to_owned(),
            // That it is believed by now makes nothing well.
            None if status.absent => return Ok(()),
            None if status.health == SourceHealth::Fresh && self.trouble.take().is_some() => {
                return self.well(status, now);
            }
            None => return Ok(()),
        };
        if self.trouble.as_ref() == Some(&trouble) {
            return Ok(());
        }
        let rest = match self.known.len() {
            0 => "nothing is known yet".to_owned(),
            count => format!("stale: {} from before", endpoints(count)),
        };
        let last = match status.last_success {
            Some(last) if status.error.is_some() => {
                format!("; the last {} came {} ago", self.place.latest(), secs(now, last))
            }
            Some(_) | None => String::new(),
        };
        let text = format!("! {trouble}; {rest}{last}{}", asked_again(status, now));
        let mut facts =
            json!({"event": "trouble", "message": trouble, "endpoints": self.known.len()});
        put_standing(&mut facts, status, now);
        self.say(Tone::Warning, &text, facts)?;
        self.trouble = Some(trouble);
        Ok(())
    }

    /// Says that discovery is well again, and what had failed until then.
    fn well(&mut self, status: &DiscoveryStatus, now: Instant) -> io::Result<()> {
        let after = match status.failures.saturating_sub(self.failures) {
            0 => String::new(),
            1 => ", after 1 query that failed".to_owned(),
            failed => format!(", after {failed} queries that failed"),
        };
        self.failures = status.failures;
        let mut facts = json!({"event": "well"});
        put_standing(&mut facts, status, now);
        self.say(Tone::Good, &format!("= {}{after}", self.place.well()), facts)
    }

    /// Prints the text for people, or the facts for machines.
    fn say(&mut self, tone: Tone, text: &str, mut facts: Value) -> io::Result<()> {
        if !self.json {
            return self.print(tone, text);
        }
        facts["at"] = format!("{}Z", now()?).into();
        self.screen.line(&Line::new().put(Tone::Plain, facts))
    }

    fn print(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        self.screen.line(&Line::new().put(Tone::Quiet, format!("{}Z  ", now()?)).put(tone, text))
    }
}

/// Says when the next query is due, if one is.
fn asked_again(status: &DiscoveryStatus, now: Instant) -> String {
    let next = status.next_query.map(|next| format!("; asked again in {}", secs(next, now)));
    next.unwrap_or_default()
}

/// Adds how discovery stands; times are seconds from now.
fn put_standing(facts: &mut Value, status: &DiscoveryStatus, now: Instant) {
    let since = |last: Instant| now.saturating_since(last).as_secs_f64();
    let until = |next: Instant| next.saturating_since(now).as_secs_f64();
    facts["queries"] = status.queries.into();
    facts["failures"] = status.failures.into();
    facts["last_success_ago"] = status.last_success.map(since).into();
    facts["next_query_in"] = status.next_query.map(until).into();
}

/// Writes a time span in seconds, which are as much as polling can know.
fn secs(late: Instant, early: Instant) -> String {
    format!("{:.0} s", late.saturating_since(early).as_secs_f64())
}

/// Lists the reasons, as far as they are kept.
fn reasons(skipped: &Skipped) -> String {
    let listed = skipped.reasons().join("; ");
    match skipped.count() - skipped.reasons().len() {
        0 => listed,
        more => format!("{listed}; and {more} more"),
    }
}

/// Writes the time in seconds: microseconds would say more than polling can know.
fn now() -> io::Result<String> {
    let mut now = String::new();
    SystemTime.format_time(&mut Writer::new(&mut now)).map_err(io::Error::other)?;
    Ok(now.split('.').next().unwrap_or_default().to_owned())
}

fn facts(endpoint: &Endpoint<Target>) -> Value {
    json!({
        "target": endpoint.addr.to_string(),
        "host": endpoint.addr.host(),
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "zone": endpoint.zone.number(),
        "draining": endpoint.draining,
    })
}

fn describe(endpoint: &Endpoint<Target>) -> String {
    format!("{}  {}", place(&endpoint.addr), rank(endpoint))
}

fn rank(endpoint: &Endpoint<Target>) -> String {
    format!("priority {}, weight {}", endpoint.priority, endpoint.weight)
}

fn endpoints(count: usize) -> String {
    format!("{count} endpoint{}", if count == 1 { "" } else { "s" })
}
