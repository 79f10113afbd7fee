//! A day against a server that fails at random, beside a model of a few lines.

use evenkeel_core::rand_core::Rng;

use super::*;

/// What happened in a day.
#[derive(Debug, Default)]
struct Tally {
    fetches: u32,
    published: u32,
    rewound: u32,
    failed: u32,
    late: u32,
}

fn day(seed: u64) -> Tally {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = move |below: u64| random.next_u64() % below;
    let mut fixture = Fixture::new();
    fixture.rng = ChaCha8Rng::seed_from_u64(!seed);
    let (begin, mut tally) = (fixture.now, Tally::default());
    let end = begin + Duration::from_secs(86_400);
    // The server's state, and the state that the client knows.
    let (mut server, mut known) = (10_u64, None);
    // The model: what index the next question has, and when it may come at the earliest.
    let (mut index, mut earliest) = (None, begin);
    // A bucket of tokens, counted in another way than the machine does.
    let (mut tokens, mut counted) = (4.0_f64, begin);
    loop {
        let quiet = fixture.now >= end;
        let (id, asked, deadline) = match fixture.poll() {
            LongPollStep::Fetch { id, index, deadline, .. } => (id, index, deadline),
            LongPollStep::Wait(until) => {
                assert!(until > Some(fixture.now), "no wait of no time");
                fixture.now = until.expect("it was not closed");
                continue;
            }
            LongPollStep::Cancel { .. } => panic!("what is late was canceled already"),
        };
        tally.fetches += 1;
        assert_eq!(asked, index);
        assert!(fixture.now >= earliest, "asked at {}, not from {earliest}", fixture.now);
        let gained = fixture.now.saturating_since(counted).as_secs_f64() / 5.0;
        tokens = (tokens + gained).min(4.0) - 1.0;
        counted = fixture.now;
        assert!(tokens > -1e-6, "more than 4 at once and one in 5 s");

        // The server changes, is restored, or only keeps the question.
        let fault = if quiet { 99 } else { draw(100) };
        let keeps = asked.map_or(0, |_| draw(50_000));
        match fault {
            0..20 => server += 1 + draw(3),
            20..24 => server = 1 + draw(server),
            _ => {}
        }
        if (24..30).contains(&fault) {
            // It hangs.
            fixture.now = deadline;
            assert_eq!(fixture.poll(), LongPollStep::Cancel { id });
            assert_eq!(fixture.machine.on_result(fixture.now, id, ok(server)), Late);
            (index, earliest, tally.late) = (None, fixture.now, tally.late + 1);
            continue;
        }
        fixture.now = fixture.now + Duration::from_millis(1 + keeps);
        assert!(fixture.now < deadline);
        if draw(10) == 0 {
            fixture.machine.refresh(fixture.now);
        }
        let retry_after = Duration::from_secs(draw(100));
        let answer = match fault {
            30..40 => LongPollAnswer::Fail { retry_after: Some(retry_after) },
            40..45 => LongPollAnswer::Refused,
            _ => ok(server),
        };
        let verdict = fixture.machine.on_result(fixture.now, id, answer);
        earliest = fixture.now;
        let expected = match (answer, asked) {
            (LongPollAnswer::Fail { retry_after: Some(wait) }, _) => {
                earliest = fixture.now + wait;
                Failed
            }
            (LongPollAnswer::Ok { .. }, Some(asked)) if server < asked => Rewound,
            (LongPollAnswer::Ok { .. }, Some(asked)) if server == asked => Unchanged,
            (LongPollAnswer::Ok { .. }, _) => Publish,
            (_, _) => Failed,
        };
        assert_eq!(verdict, expected, "{answer:?} to {asked:?}");
        index = matches!(verdict, Publish | Unchanged).then_some(server);
        tally.published += u32::from(verdict == Publish);
        tally.rewound += u32::from(verdict == Rewound);
        tally.failed += u32::from(verdict == Failed);
        if verdict == Publish {
            known = Some(server);
        }
        // One good answer after the last fault, and what is known is right.
        if quiet && matches!(verdict, Publish | Unchanged) {
            assert_eq!(known, Some(server));
            return tally;
        }
    }
}

#[test]
fn a_day_of_faults_ends_with_what_the_server_has_and_breaks_no_rule() {
    for seed in 0..16 {
        let tally = day(seed);
        let Tally { fetches, published, rewound, failed, late } = tally;
        assert!((1_500..17_280).contains(&fetches), "{tally:?}");
        assert!(published > 200 && rewound > 20 && failed > 200 && late > 50, "{tally:?}");
    }
}
