//! Who is compared.

use super::fleet::Kind;

/// A client, or one with a proxy beside it.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// Its name in the tables.
    pub name: &'static str,
    /// What callers know it by.
    pub client: &'static str,
    /// Which servers it asks.
    pub kind: Kind,
    /// An Envoy stands between, with its own settings or with tuned ones.
    pub envoy: Option<Tuned>,
    /// How it is set, as its documentation says.
    pub settings: &'static str,
    /// The file that a user writes.
    pub source: &'static str,
}

/// Tells whether an Envoy has settings for a set as small as this.
pub type Tuned = bool;

/// A side without a proxy, whose client is in the file of this name.
macro_rules! side {
    ($name:expr, $client:literal, $kind:ident, $settings:literal) => {
        Side {
            name: $name,
            client: $client,
            kind: Kind::$kind,
            envoy: None,
            settings: $settings,
            source: include_str!(concat!("../../peers/src/", $client, ".rs")),
        }
    };
}

const ENVOY: Side = Side {
    envoy: Some(false),
    ..side!(
        "Envoy 1.40",
        "proxy",
        Both,
        "hyper's client, and an Envoy of one thread: least request, outlier detection as `{}` \
         switches it on, retry_on 5xx, reset, connect-failure"
    )
};

/// All of them, in the order of the tables.
pub const SIDES: &[Side] = &[
    side!(
        "evenkeel",
        "evenkeel",
        Both,
        "`http::Client`: defaults, which are peak EWMA and ejection"
    ),
    side!("round robin", "round_robin", Both, "hyper's client, one attempt"),
    side!(
        "tower 0.5",
        "tower",
        Both,
        "`balance`, `PeakEwma` of 30 ms and 10 s, `retry`, `timeout`"
    ),
    side!(
        "pingora 0.9",
        "pingora",
        Both,
        "`pingora-load-balancing`: round robin, HTTP checks each second; attempts by hand"
    ),
    side!(
        "reqwest-retry 0.9",
        "reqwest_retry",
        Both,
        "exponential backoff as it is; a middleware by hand sends each attempt to the next backend"
    ),
    ENVOY,
    Side {
        name: "Envoy 1.40, tuned",
        envoy: Some(true),
        settings: "looks each second, ejects for 3 s, 100 % at most, no panic, 65,535 retries at a \
                   time, which avoid hosts that were tried",
        ..ENVOY
    },
    side!("evenkeel, gRPC", "evenkeel_tonic", Grpc, "`tonic::Channel`: defaults"),
    side!(
        "tonic 0.14",
        "tonic",
        Grpc,
        "`Channel::balance_list`, `timeout` and `connect_timeout`; attempts by hand"
    ),
];
