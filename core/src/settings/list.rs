use core::time::Duration;

use rand_core::Rng;

use super::Book;
use super::describe::{Setting, Value};
use super::error::{ConfigError, at_least, at_most};
use crate::endpoint::Zone;
use crate::time::{Ticks, constant, ticks};

const MS: u64 = 1_000_000;
const DAY: u64 = 86_400_000_000_000;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Makes the trait, the values and the descriptions of all settings from one list.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident: $type:ty = $default:expr, $least:expr => $most:expr, $title:literal;
    )*) => {
        /// The settings of a balancer, as a type's methods; each has our default.
        ///
        /// ```
        /// use evenkeel_core::{Kit, Settings, kit};
        ///
        /// /// Ejects after two failures in a row.
        /// #[derive(Clone, Copy)]
        /// struct Strict;
        ///
        /// impl Settings for Strict {
        ///     fn consecutive_failures(&self) -> u16 {
        ///         2
        ///     }
        /// }
        /// impl Kit for Strict {
        ///     type Parts = kit::Small;
        /// }
        /// ```
        pub trait Settings {
            $(
                $(#[doc = $doc])*
                #[inline(always)]
                fn $name(&self) -> $type {
                    $default
                }
            )*

            /// The times among the settings are values that are known at run time: they are
            /// converted where they are used, by one function.
            const AT_RUN_TIME: bool = false;

            /// Returns a setting in ticks of the clock.
            #[doc(hidden)]
            #[inline(always)]
            fn ticks(&self, setting: Duration) -> Ticks {
                if Self::AT_RUN_TIME { ticks(setting) } else { constant(setting) }
            }
        }

        /// The settings of a balancer, as values.
        ///
        /// ```
        /// use evenkeel_core::Config;
        ///
        /// let config = Config { overprovisioning_percent: 140, subset: 20, ..Config::default() };
        /// assert_eq!(config.check(), Ok(()));
        /// let error = Config { max_ejection_percent: 101, ..config }.check().unwrap_err();
        /// assert_eq!(error.to_string(), "max_ejection_percent is 101; the most is 100");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $doc])* pub $name: $type,)*
        }

        impl Config {
            /// Our defaults.
            pub const DEFAULT: Self = Self { $($name: $default),* };

            /// The description of each setting, in the order of their numbers.
            pub const SETTINGS: &'static [Setting] = &[$(Setting {
                name: stringify!($name),
                kind: <$type as Value>::KIND,
                least: $least,
                most: $most,
                doc: concat!($($doc, "\n"),*),
            }),*];

            /// Returns a setting by its number, as a number.
            pub fn get(&self, index: usize) -> Option<u64> {
                let mut next = 0..;
                $(if next.next() == Some(index) {
                    return Some(Value::number(self.$name));
                })*
                None
            }

            /// Sets a setting by its number, to a number.
            ///
            /// # Errors
            /// [`ConfigError`] for a number beyond the setting's limits. Nothing changes.
            pub fn set(&mut self, index: usize, number: u64) -> Result<(), ConfigError> {
                let mut next = 0..;
                $(if next.next() == Some(index) {
                    at_least($title, number, $least)?;
                    at_most($title, number, $most)?;
                })*
                self.put(index, number);
                Ok(())
            }

            /// Does the same without a look at the limits, for who has checked them: a number that
            /// the setting's type cannot hold changes nothing.
            pub fn put(&mut self, index: usize, number: u64) {
                let mut next = 0..;
                $(if next.next() == Some(index)
                    && let Some(value) = Value::of_number(number)
                {
                    self.$name = value;
                })*
            }

            /// Copies the settings of a type.
            pub fn of(settings: &impl Settings) -> Self {
                Self { $($name: settings.$name()),* }
            }

            fn check_each(&self) -> Result<(), ConfigError> {
                $(
                    at_least($title, Value::number(self.$name), $least)?;
                    at_most($title, Value::number(self.$name), $most)?;
                )*
                Ok(())
            }
        }

        impl Settings for Config {
            $(
                #[inline(always)]
                fn $name(&self) -> $type {
                    self.$name
                }
            )*

            const AT_RUN_TIME: bool = true;
        }

        /// Settings kept beside the balancer, as in flash.
        impl<S: Settings> Settings for &S {
            $(
                #[inline(always)]
                fn $name(&self) -> $type {
                    (**self).$name()
                }
            )*

            const AT_RUN_TIME: bool = S::AT_RUN_TIME;
        }
    };
}

settings! {
    /// The seed of all that should differ between clients: which endpoints a subset has, which one
    /// [`PickFirst`](crate::policy::PickFirst) picks, when ejections end. **Give each client its
    /// own**, with [`Config::seeded_by`]: with the default, all clients use the same subset, pick
    /// the same endpoint first, and bring ejected endpoints back at the same moment.
    seed: u64 = 0, 0 => u64::MAX, "seed";

    /// The book of rules that decides which endpoints are ejected. Rules fixed by type ignore it.
    book: Book = Book::Evenkeel, 0 => 3, "book";
    /// Failures in a row that eject; 0 for never.
    consecutive_failures: u16 = 5, 0 => 65_535, "consecutive_failures";
    /// The percentage of failures that ejects; 0 for never.
    failure_percentage: u8 = 85, 0 => 100, "failure_percentage";
    /// The percentage of endpoints that crossed it that is ejected.
    failure_percentage_enforcement: u8 = 100, 0 => 100, "failure_percentage_enforcement";
    /// It is judged only when so many endpoints have the volume. Ours does not look at it.
    failure_percentage_minimum_hosts: u32 = 0, 0 => u32::MAX as u64,
        "failure_percentage_minimum_hosts";
    /// Requests in an interval below which an endpoint is not judged by it.
    failure_percentage_request_volume: u32 = 20, 0 => u32::MAX as u64,
        "failure_percentage_request_volume";
    /// Failures in an interval below which an endpoint is not judged by it.
    failure_percentage_minimum_failures: u32 = 5, 0 => u32::MAX as u64,
        "failure_percentage_minimum_failures";
    /// Ejects an endpoint whose success rate is far below the mean, in standard deviations of all
    /// rates. With `n` endpoints of which `n - 1` never fail, the deviation alone ejects the other
    /// one as soon as √(n − 1) exceeds the factor, be it for one failure in a thousand: hence the
    /// floor.
    success_rate: bool = false, 0 => 1, "success_rate";
    /// The distance below the mean that ejects, in thousandths of the standard deviation.
    success_rate_stdev_per_mille: u32 = 1_900, 0 => 1_000_000, "success_rate_stdev_per_mille";
    /// A success rate of this percentage or more is never an outlier; 100 for no such floor.
    success_rate_floor_percent: u8 = 90, 1 => 100, "success_rate_floor_percent";
    /// The percentage of endpoints that crossed it that is ejected.
    success_rate_enforcement: u8 = 100, 0 => 100, "success_rate_enforcement";
    /// It is judged only when so many endpoints have the volume.
    success_rate_minimum_hosts: u32 = 5, 0 => u32::MAX as u64, "success_rate_minimum_hosts";
    /// Requests in an interval below which an endpoint is not judged by it.
    success_rate_request_volume: u32 = 100, 0 => u32::MAX as u64, "success_rate_request_volume";
    /// Failures in an interval below which an endpoint is not judged by it.
    success_rate_minimum_failures: u32 = 5, 0 => u32::MAX as u64, "success_rate_minimum_failures";
    /// The time for which outcomes are counted; Envoy's and gRPC's rules judge them at its end.
    /// From 1 ms to 1 day.
    interval: Duration = secs(10), MS => DAY, "interval (ns)";
    /// The time of the first ejection; by our rules each that follows takes five eighths
    /// longer. From 1 ms to 1 day.
    base_ejection_time: Duration = secs(3), MS => DAY, "base_ejection_time (ns)";
    /// The longest that one takes, at most 1 day. By our rules no less than the base; by Envoy's
    /// and gRPC's a smaller one counts as the base.
    max_ejection_time: Duration = secs(60), 0 => DAY, "max_ejection_time (ns)";
    /// Up to which time an ejection is prolonged at random, so that endpoints do not all come back
    /// at once; at most 1 day. Our rules have jitter of their own, and add this.
    max_ejection_jitter: Duration = Duration::ZERO, 0 => DAY, "max_ejection_jitter (ns)";
    /// The largest share of the endpoints that may be ejected. By our rules it limits failure
    /// percentages and success rates; rows of failures are [judged](crate::health) by the others.
    max_ejection_percent: u8 = 30, 0 => 100, "max_ejection_percent";
    /// One may be ejected even if that is a larger share.
    always_eject_one: bool = true, 0 => 1, "always_eject_one";
    /// One request decides if an endpoint comes back at the end of its time: the probe. Otherwise
    /// it just does. Either way, a success in panic brings it back earlier.
    half_open: bool = true, 0 => 1, "half_open";
    /// Good news of active checks end an ejection at once, as by default in Envoy
    /// (`successful_active_health_check_uneject_host`). Otherwise they open it to a probe: that a
    /// check is answered does not say that requests are.
    check_readmits: bool = false, 0 => 1, "check_readmits";
    /// The time after which a probe without an answer has failed. From 1 ms to 1 day.
    probe_timeout: Duration = secs(10), MS => DAY, "probe_timeout (ns)";
    /// The longest that an overloaded endpoint is left alone because it asked for it; zero for not
    /// at all: then it has failed. At most 1 day.
    max_retry_after: Duration = secs(300), 0 => DAY, "max_retry_after (ns)";

    /// Shares the requests among priorities. With 0, the first level that has an endpoint available
    /// gets everything (RFC 2782, gRPC). Otherwise, what a level with all endpoints available could
    /// take, in percent of what it has to, at least 100: each level gets what it can take, and
    /// leaves the rest to the next (Envoy, where it is 140).
    overprovisioning_percent: u16 = 0, 0 => 65_535, "overprovisioning_percent";
    /// A level with a lower percentage of available endpoints panics and uses all of its own, where
    /// all levels together cannot take everything; 0 for never. Only with overprovisioning.
    panic_threshold_percent: u8 = 50, 0 => 100, "panic_threshold_percent";
    /// The client's own zone, whose endpoints are preferred as far as that keeps the load on all
    /// even (Envoy's zone-aware routing). [`Zone::NONE`]: zones do not matter.
    zone: Zone = Zone::NONE, 0 => 65_535, "zone";
    /// The share of all clients that is in the own zone; the others are taken to be spread evenly
    /// over the other zones. 0: all are spread evenly.
    zone_clients_per_mille: u16 = 0, 0 => 1_000, "zone_clients_per_mille";
    /// With fewer endpoints in the level, zones do not matter.
    zone_minimum_endpoints: u32 = 6, 0 => u32::MAX as u64, "zone_minimum_endpoints";
    /// The most endpoints of each level that this client uses: those with the least hash of seed
    /// and endpoint (as in gRPC's proposal A68), so that one that comes or goes changes at most one
    /// of them. With different seeds, clients share the endpoints evenly on average; **with the same
    /// one, all use the same few**. 0: all.
    subset: u32 = 0, 0 => u32::MAX as u64, "subset";
    /// The time in which an endpoint warms up that comes, or comes back from draining, weight 0 or
    /// an ejection: its weight grows in tenths (Envoy's slow start with an aggression of 1). Zero: it
    /// gets its share at once, as with Envoy and gRPC.
    slow_start: Duration = Duration::ZERO, 0 => u64::MAX, "slow_start (ns)";

    /// Forgets answer times: after this time an estimate weighs 1/e beside a new,
    /// shorter one. From 1 ms to 1 day; 10 s as in Finagle.
    latency_tau: Duration = secs(10), MS => DAY, "latency_tau (ns)";
    /// Answer times below this count as this, so that between fast endpoints, and after a quiet
    /// time, requests in flight decide. At most 1 day.
    latency_floor: Duration = Duration::from_millis(1), 0 => DAY, "latency_floor (ns)";
    /// A failure counts as an answer after this time, if it came sooner. About ten times what an
    /// answer usually takes: with less, an endpoint that fails at once attracts requests. At most
    /// 1 day.
    failure_penalty: Duration = Duration::from_millis(200), 0 => DAY, "failure_penalty (ns)";

    /// The most requests in flight to one endpoint; 0 for no limit. It takes a policy that counts
    /// them.
    max_in_flight: u32 = 0, 0 => u32::MAX as u64, "max_in_flight";
    /// Sends what finds no room at a level to the next one; otherwise picks are refused.
    overflow: bool = true, 0 => 1, "overflow";
}

impl Config {
    /// Envoy's rules with Envoy's defaults. One kind of failure is known here; Envoy's defaults
    /// enforce only one, too.
    pub const ENVOY: Self = Self {
        book: Book::Envoy,
        failure_percentage_enforcement: 0,
        failure_percentage_minimum_hosts: 5,
        failure_percentage_request_volume: 50,
        failure_percentage_minimum_failures: 0,
        success_rate: true,
        success_rate_floor_percent: 100,
        success_rate_minimum_failures: 0,
        base_ejection_time: secs(30),
        max_ejection_time: secs(300),
        max_ejection_percent: 10,
        always_eject_one: false,
        half_open: false,
        check_readmits: true,
        ..Self::DEFAULT
    };

    /// gRPC's rules with the defaults of its proposal A50, and both of its algorithms.
    pub const GRPC: Self = Self {
        book: Book::Grpc,
        consecutive_failures: 0,
        failure_percentage_enforcement: 100,
        ..Self::ENVOY
    };

    /// Takes a seed from random numbers of this client's own, such as those that picks take.
    ///
    /// ```
    /// use evenkeel_core::{Balancer, Config, policy::PickFirst};
    /// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    ///
    /// let mut rng = ChaCha8Rng::seed_from_u64(0x00a1); // from the operating system, or a serial number
    /// let config = Config { subset: 20, ..Config::default() }.seeded_by(&mut rng);
    /// let balancer: Balancer<&str, PickFirst> = Balancer::with_config(PickFirst::new(), config)?;
    /// assert_ne!(balancer.settings().seed, 0);
    /// # Ok::<(), evenkeel_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn seeded_by(self, rng: &mut impl Rng) -> Self {
        Self { seed: rng.next_u64(), ..self }
    }

    /// Checks that the settings make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that does not, with its value and its limit.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_each()?;
        self.check_pairs()
    }

    /// Checks what settings ask of each other: not their own limits, for who has checked these.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that goes beyond what another one allows.
    pub fn check_pairs(&self) -> Result<(), ConfigError> {
        if self.book == Book::Evenkeel {
            let (least, value) =
                (self.base_ejection_time.number(), self.max_ejection_time.number());
            at_least("max_ejection_time (ns)", value, least)?;
            // Rows of cancellations are counted 8 times as far, or farther.
            at_most("consecutive_failures", self.consecutive_failures.into(), 8_191)?;
        }
        if self.overprovisioning_percent > 0 {
            let value = self.overprovisioning_percent.into();
            at_least("overprovisioning_percent", value, 100)?;
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
