//! What the core's settings are called in JavaScript.

use evenkeel_core::settings::{Book, Config, Kind, Setting};

/// What the core's names become; the first that a name begins with counts. Dots group options; all
/// else goes by its own name. What follows is then written in JavaScript's way, and times end in
/// `Ms`.
const NAMES: &[(&str, &str)] = &[
    ("book", "outlier_detection.base"),
    ("consecutive_failures", "outlier_detection.consecutive_failures"),
    ("failure_percentage_", "outlier_detection.failure_percentage."),
    ("failure_percentage", "outlier_detection.failure_percentage.threshold"),
    ("success_rate_stdev_per_mille", "outlier_detection.success_rate.stdev_factor"),
    ("success_rate_floor_percent", "outlier_detection.success_rate.floor"),
    ("success_rate_", "outlier_detection.success_rate."),
    ("success_rate", "outlier_detection.success_rate"),
    ("interval", "outlier_detection.interval"),
    ("base_ejection_time", "outlier_detection.base_ejection"),
    ("max_ejection_time", "outlier_detection.max_ejection"),
    ("max_ejection_", "outlier_detection.max_ejection_"),
    ("always_eject_one", "outlier_detection.always_eject_one"),
    ("half_open", "outlier_detection.half_open"),
    ("check_readmits", "outlier_detection.check_readmits"),
    ("probe_timeout", "outlier_detection.probe_timeout"),
    ("overprovisioning_percent", "levels.overprovisioning_factor"),
    ("panic_threshold_percent", "levels.panic_threshold"),
    ("latency_", "latency."),
    ("failure_penalty", "latency.failure_penalty"),
];

/// Options whose numbers are thousandths in the core.
const THOUSANDTHS: &[&str] = &["outlierDetection.successRate.stdevFactor"];

/// An option of JavaScript: a setting of the core.
pub(crate) struct Choice {
    /// Its name, after those of the groups that it is in, and dots.
    pub(crate) path: String,
    pub(crate) setting: &'static Setting,
    /// The core's number for 1.
    pub(crate) unit: u32,
    pub(crate) default: u64,
}

impl Choice {
    /// Returns all, in the order of the core's numbers for them.
    pub(crate) fn all() -> Vec<Self> {
        let settings = Config::SETTINGS.iter().enumerate();
        settings.map(|(index, setting)| Self::of(setting, Config::DEFAULT.get(index))).collect()
    }

    fn of(setting: &'static Setting, default: Option<u64>) -> Self {
        let renamed = NAMES.iter().find_map(|(name, option)| {
            setting.name.strip_prefix(name).map(|rest| format!("{option}{rest}"))
        });
        let mut path = camel_case(&renamed.unwrap_or_else(|| setting.name.to_owned()));
        if setting.kind == Kind::Time {
            path.push_str("Ms");
        }
        let unit = match setting.kind {
            Kind::Time => 1_000_000,
            Kind::Count if THOUSANDTHS.contains(&path.as_str()) => 1_000,
            Kind::Flag | Kind::Count | Kind::Zone | Kind::Book => 1,
        };
        Self { path, setting, unit, default: default.unwrap_or_default() }
    }

    /// Returns a number of the core as one of JavaScript.
    #[expect(clippy::cast_precision_loss, reason = "the largest are rounded, as in JavaScript")]
    pub(crate) fn number(&self, number: u64) -> f64 {
        number as f64 / f64::from(self.unit)
    }
}

/// Returns the settings of a preset: the core's, by the rules that they go by.
pub(crate) fn preset(book: Book) -> Config {
    match book {
        Book::Evenkeel => Config::DEFAULT,
        Book::Envoy => Config::ENVOY,
        Book::Grpc => Config::GRPC,
        Book::Off => Config { book, ..Config::DEFAULT },
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        name + &initial.to_uppercase() + rest
    })
}
