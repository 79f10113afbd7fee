//! Firmware with a timer tick: a main loop as Embassy, RTIC or a bare `loop` have it.
//!
//! The module `firmware` is what runs on the device. It takes nothing from `std`, and nothing in it
//! allocates: the balancer is an `Inline` one with our defaults, and begins as zeros. The rest plays
//! the board: a timer of milliseconds, a radio, a sensor that sends twice a second.
//!
//! ```text
//! cargo run -p evenkeel-core --example firmware
//! ```

/// What runs on the device.
mod firmware {
    use evenkeel_core::policy::LeastRequest;
    use evenkeel_core::rand_core::Rng;
    use evenkeel_core::retry::{Attempt, End, Step, TokenThrottle, Verdict};
    use evenkeel_core::{
        Balancer, Call, Defaults, Endpoint, Inline, Instant, Pick, Request, RetryPolicy,
    };

    /// A node of the radio network.
    pub(crate) type Node = [u8; 2];
    type Gateways = Balancer<Node, LeastRequest, Defaults, Inline<4>>;

    static POLICY: RetryPolicy = RetryPolicy::DEFAULT;

    /// What wakes the main loop.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Wake {
        /// The timer fired.
        Timer,
        /// A measurement is to be sent.
        Measured,
        /// The radio heard an answer, or gave up.
        Heard { good: bool },
    }

    /// The board's radio: sends, and is heard of later.
    pub(crate) trait Radio {
        fn send(&mut self, to: Node);
    }

    /// All that is kept; a `static` on a device.
    pub(crate) struct Device {
        gateways: Gateways,
        throttle: TokenThrottle,
        /// One measurement at a time.
        call: Option<Call<&'static RetryPolicy, 1, 2>>,
        sent: Option<(Attempt, Pick)>,
        pub(crate) delivered: u32,
        pub(crate) lost: u32,
    }

    impl Device {
        pub(crate) const NEW: Self = Self {
            gateways: Balancer::with_settings(LeastRequest::new(), Defaults),
            throttle: TokenThrottle::DEFAULT,
            call: None,
            sent: None,
            delivered: 0,
            lost: 0,
        };

        /// Lets this device choose otherwise than others of its kind; call it once.
        pub(crate) fn seed(&mut self, rng: &mut impl Rng) {
            self.gateways.seeded_by(rng);
        }

        /// Takes over the gateways that a beacon names.
        pub(crate) fn on_beacon(&mut self, now: Instant, nodes: &[Node]) {
            let endpoints = nodes.iter().copied().map(Endpoint::new);
            // Least request has no table that could be too small.
            let _ = self.gateways.update(now, endpoints);
        }

        /// Does one turn of the main loop. Returns when the timer has to fire at the latest.
        pub(crate) fn turn(
            &mut self,
            now: Instant,
            wake: Wake,
            rng: &mut impl Rng,
            radio: &mut impl Radio,
        ) -> Option<Instant> {
            match wake {
                Wake::Timer => self.gateways.handle_timeout(now),
                Wake::Measured if self.call.is_some() => self.lost += 1,
                Wake::Measured => self.call = Some(Call::sized(&POLICY, now)),
                Wake::Heard { good } => {
                    if let (Some(call), Some((attempt, pick))) = (&mut self.call, self.sent.take())
                    {
                        let verdict =
                            if good { Verdict::Success } else { Verdict::RetryableFailure };
                        self.gateways.report(now, pick, verdict.outcome());
                        call.on_outcome(now, attempt, verdict);
                    }
                }
            }
            let next = self.drive(now, rng, radio);
            next.into_iter().chain(self.gateways.poll_timeout()).min()
        }

        /// Does what the call says, until there is something to wait for.
        fn drive(
            &mut self,
            now: Instant,
            rng: &mut impl Rng,
            radio: &mut impl Radio,
        ) -> Option<Instant> {
            let call = self.call.as_mut()?;
            loop {
                match call.poll(now, &mut self.throttle, rng) {
                    Step::Send(attempt) => {
                        let request = Request::at(now).avoiding(call.tried());
                        let Ok(pick) = self.gateways.pick_with(request, rng) else {
                            call.no_endpoint(now);
                            continue;
                        };
                        if !call.started(attempt, pick.slot(), &mut self.throttle) {
                            self.gateways.withdraw(now, pick);
                            continue;
                        }
                        if let Some(gateway) = self.gateways.endpoint(&pick) {
                            radio.send(gateway.addr);
                        }
                        self.sent = Some((attempt, pick));
                    }
                    Step::Wait(until) => return until,
                    // This policy gives no attempt up: the radio does.
                    Step::Cancel { outcome, .. } => {
                        if let Some((_, pick)) = self.sent.take() {
                            self.gateways.report(now, pick, outcome);
                        }
                    }
                    Step::Done(end) => {
                        self.call = None;
                        let count = match end {
                            End::Success => &mut self.delivered,
                            End::Attempts
                            | End::Deadline
                            | End::NoEndpoints
                            | End::NonRetryableFailure
                            | End::Ignorable
                            | End::Budget
                            | End::PushBack
                            | End::Canceled => &mut self.lost,
                        };
                        *count += 1;
                        return None;
                    }
                }
            }
        }
    }
}

use evenkeel_core::Instant;
use firmware::{Device, Node, Radio, Wake};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const NODES: [Node; 3] = [[0, 1], [0, 2], [0, 3]];
/// A minute.
const MILLIS: u64 = 60_000;

fn main() {
    let (board, device) = run();
    println!("{} bytes for all that the device keeps", size_of::<Device>());
    println!("{} delivered, {} lost", device.delivered, device.lost);
    for (node, sent) in NODES.iter().zip(board.sent) {
        println!("{sent} transmissions to node {node:?}");
    }
    println!("the timer fired {} times in {MILLIS} ticks", board.fired);
}

/// Plays the board: the second gateway is out of reach from second 10 to second 30.
#[derive(Default)]
struct Board {
    now: u64,
    /// When the radio hears an answer, and if that is good.
    heard: Option<(u64, bool)>,
    sent: [u32; 3],
    fired: u32,
}

impl Radio for Board {
    fn send(&mut self, to: Node) {
        let out_of_reach = to == NODES[1] && (10_000..30_000).contains(&self.now);
        self.heard = Some((self.now + if out_of_reach { 100 } else { 8 }, !out_of_reach));
        for (node, sent) in NODES.iter().zip(&mut self.sent) {
            *sent += u32::from(*node == to);
        }
    }
}

fn run() -> (Board, Device) {
    let mut rng = ChaCha8Rng::seed_from_u64(1); // on a device: from its serial number
    let mut board = Board::default();
    let mut device = Device::NEW;
    device.seed(&mut rng);
    device.on_beacon(Instant::ZERO, &NODES);
    let mut alarm: Option<Instant> = None;
    while board.now < MILLIS {
        // The timer's interrupt: one tick. Everything else sleeps.
        board.now += 1;
        let now = Instant::from_millis(board.now);
        let wake = if let Some((_, good)) = board.heard.take_if(|(at, _)| *at <= board.now) {
            Wake::Heard { good }
        } else if board.now.is_multiple_of(500) {
            Wake::Measured
        } else if alarm.is_some_and(|at| at <= now) {
            board.fired += 1;
            Wake::Timer
        } else {
            continue;
        };
        alarm = device.turn(now, wake, &mut rng, &mut board);
    }
    (board, device)
}

#[test]
fn nothing_is_lost_while_a_gateway_is_out_of_reach() {
    let (board, device) = run();
    // The last measurement comes with the last tick.
    assert_eq!((device.delivered, device.lost), (119, 0));
    assert!(board.sent.iter().sum::<u32>() < 140, "retries are few: {:?}", board.sent);
    assert!(board.fired < 200, "the device sleeps between: {}", board.fired);
}
