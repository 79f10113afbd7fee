//! The outages that must go well.

use super::Figure::{After, Back, Before, During, Ejections, Needless};
use super::{Outage, dead, failing, flapping, hung, restarting};

/// What counts as no errors, in hundredths of a percent: it is rounded to 0.0.
const NONE: u64 = 4;

/// Runs of what chance decides.
const MANY: u64 = 60;

/// Ten hosts of one worker, asked for 70 % of what they can do.
fn ten(title: &str) -> Outage {
    Outage::new(title).hosts(10).load(70)
}

/// Lists them in the order of the table.
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn named() -> Vec<Outage> {
    vec![
        ten("all hang for 5 s, round robin")
            .fault(hung(10), 20..25)
            .seconds(60)
            .must(Before, NONE)
            .must(After, 10)
            .must(Ejections, 200),
        ten("all hang for 5 s, peak EWMA")
            .policy("peak_ewma")
            .fault(hung(10), 20..25)
            .seconds(60)
            .must(Before, NONE)
            .must(After, NONE)
            .shows(Ejections),
        // At the edge of what eight can do, queues jam in some runs and not in others.
        ten("2 of 10 hang, round robin")
            .fault(hung(2), 20..40)
            .runs(MANY)
            .must(During, 700)
            .must(After, NONE)
            .shows(Needless),
        ten("2 of 10 hang, Finagle's retry budget")
            .finagles_budget()
            .fault(hung(2), 20..40)
            .runs(MANY)
            .shows(During)
            .must(After, NONE),
        ten("6 of 10 dead, 30 % load, peak EWMA")
            .load(30)
            .policy("peak_ewma")
            .fault(dead(6), 20..40)
            .runs(MANY)
            .must(During, 50)
            .must(After, NONE)
            .shows(Needless),
        ten("5 of 10 dead, round robin")
            .fault(dead(5), 20..40)
            .shows(During)
            .must(After, NONE)
            .shows(Needless),
        ten("10 restart one by one, 4 s each, round robin")
            .fault(restarting(10, 4), 20..60)
            .seconds(100)
            .runs(MANY)
            .must(During, 200)
            .must(After, NONE)
            .shows(Needless),
        // What finds out that it is dead goes on to the backups.
        Outage::new("1 flapping 5 s / 5 s, 2 backups")
            .hosts(1)
            .backups(2)
            .load(30)
            .fault(flapping(1, 5), 20..80)
            .seconds(100)
            .must(During, 0)
            .must(After, NONE),
        ten("5 of 10 (8 workers) dead for 60 s, 30 % load")
            .workers(8)
            .load(30)
            .fault(dead(5), 20..80)
            .seconds(180)
            .runs(MANY)
            .must(During, 10)
            .must(After, NONE)
            .must(Back, 2000),
        ten("5 of 10 (8 workers) dead for 600 s, 10 % load")
            .workers(8)
            .load(10)
            .fault(dead(5), 20..620)
            .seconds(760)
            .once()
            .shows(During)
            .must(Back, 3000),
        ten("all dead for 60 s, 30 % load")
            .load(30)
            .fault(dead(10), 20..80)
            .seconds(180)
            .must(After, NONE)
            .must(Back, 0),
        ten("50 % of requests fail everywhere, 60 s")
            .fault(failing(10, 500), 20..80)
            .seconds(120)
            .must(Ejections, 500)
            .must(After, NONE),
        ten("1 of 10 hangs, callers give up after 1 s, 10 % load")
            .load(10)
            .patience(1000)
            .fault(hung(1), 20..120)
            .seconds(140)
            .must(During, 70)
            .must(After, NONE)
            .must(Needless, 0),
        ten("users cancel half of the calls, 30 % load")
            .load(30)
            .canceled(500, 20)
            .fault(hung(0), 0..70)
            .must(Needless, 0),
        ten("4 clients, 2 of 10 hang, peak EWMA")
            .clients(4)
            .policy("peak_ewma")
            .fault(hung(2), 20..40)
            .must(During, 400)
            .must(After, NONE)
            .shows(Needless),
    ]
}
