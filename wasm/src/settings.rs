use core::slice;
use core::time::Duration;

use evenkeel_core::Config;
use evenkeel_core::Zone;
use evenkeel_core::health::{FailurePercentage, OutlierDetection, SuccessRate};
use evenkeel_core::stats::Latency;
use evenkeel_core::tier::{Levels, SlowStart, ZoneAware};

use crate::convert::duration;

/// Settings as numbers in the order in which `ts/settings.ts` writes them; NaN for what is left out. They have been checked there.
pub(crate) struct Settings<'a>(slice::Iter<'a, f64>);

impl<'a> Settings<'a> {
    pub(crate) fn new(numbers: &'a [f64]) -> Self {
        Self(numbers.iter())
    }

    fn next(&mut self) -> Option<f64> {
        self.0.next().copied().filter(|number| !number.is_nan())
    }

    #[inline(never)]
    fn set_time(&mut self, setting: &mut Duration) {
        self.set(setting, duration);
    }

    #[inline(never)]
    fn set_count(&mut self, setting: &mut u32) {
        self.set(setting, to_u32);
    }

    #[inline(never)]
    fn set_percent(&mut self, setting: &mut u8) {
        self.set(setting, to_u8);
    }

    fn set<T>(&mut self, setting: &mut T, from: impl FnOnce(f64) -> T) {
        if let Some(number) = self.next() {
            *setting = from(number);
        }
    }

    pub(crate) fn config(mut self) -> Config {
        let mut config = Config::default();
        let (factor, panic_threshold) = (self.next(), self.next());
        if let Some(factor) = factor {
            let panic_threshold = panic_threshold.map_or(0, to_u8);
            config.levels = Levels::Overprovisioned { factor: to_u16(factor), panic_threshold };
        }
        self.set(&mut config.subset, |most| Some(to_u32(most)));
        self.set(&mut config.zone, |zone| Some(ZoneAware::new(Zone::new(to_u32(zone)))));
        self.set(&mut config.slow_start, |window| Some(SlowStart::new(duration(window))));
        self.set_time(&mut config.max_retry_after);
        let Latency { tau, floor, failure_penalty } = &mut config.latency;
        for setting in [tau, floor, failure_penalty] {
            self.set_time(setting);
        }
        config.outlier_detection = self.outlier_detection();
        config
    }

    fn outlier_detection(&mut self) -> Option<OutlierDetection> {
        let mut rules = match self.next().map(to_u8) {
            None => OutlierDetection::EVENKEEL,
            Some(1) => OutlierDetection::ENVOY,
            Some(2) => OutlierDetection::GRPC,
            Some(_) => return None,
        };
        self.set(&mut rules.consecutive_failures, to_u16);
        for setting in [
            &mut rules.interval,
            &mut rules.base_ejection_time,
            &mut rules.max_ejection_time,
            &mut rules.max_ejection_jitter,
            &mut rules.probe_timeout,
        ] {
            self.set_time(setting);
        }
        self.set_percent(&mut rules.max_ejection_percent);
        self.set(&mut rules.always_eject_one, |flag| flag > 0.0);
        self.set(&mut rules.half_open, |flag| flag > 0.0);
        self.failure_percentage(&mut rules.failure_percentage);
        self.success_rate(&mut rules.success_rate);
        Some(rules)
    }

    fn failure_percentage(&mut self, setting: &mut Option<FailurePercentage>) {
        let mut rule = setting.unwrap_or(FailurePercentage::DEFAULT);
        self.set(setting, |on| (on > 0.0).then_some(rule));
        self.set_percent(&mut rule.threshold);
        self.set_percent(&mut rule.enforcement);
        for count in [&mut rule.minimum_hosts, &mut rule.request_volume, &mut rule.minimum_failures] {
            self.set_count(count);
        }
        *setting = setting.map(|_| rule);
    }

    fn success_rate(&mut self, setting: &mut Option<SuccessRate>) {
        let mut rule = setting.unwrap_or(SuccessRate::DEFAULT);
        self.set(setting, |on| (on > 0.0).then_some(rule));
        self.set_percent(&mut rule.floor);
        self.set_percent(&mut rule.enforcement);
        for count in
            [&mut rule.stdev_factor, &mut rule.minimum_hosts, &mut rule.request_volume, &mut rule.minimum_failures]
        {
            self.set_count(count);
        }
        *setting = setting.map(|_| rule);
    }
}

#[expect(clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
fn to_u32(number: f64) -> u32 {
    number as u32
}

#[expect(clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
fn to_u16(number: f64) -> u16 {
    number as u16
}

#[expect(clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
fn to_u8(number: f64) -> u8 {
    number as u8
}
