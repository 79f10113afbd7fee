//! The settings of a channel.

use core::fmt;
use core::future::Future;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use evenkeel_core::connection::ConnectionBackoff;
use evenkeel_core::grpc::{Code, PushBack};
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::retry::RetryPolicy;
use evenkeel_core::{Config, Policy, Verdict};
use http::uri::{Authority, Scheme};

use super::calls::{Calls, Judge, Key};
use super::channel::Channel;
use super::connector::{Connector, Io};
use super::links::{Links, Settings};
use super::make::Make;
use super::meter;
use crate::balancer::Balancer;
use crate::builder;
use crate::call::Retry;
use crate::discover::{Discover, Removal};
use crate::error::BuildError;
use crate::factory::BoxError;
use crate::target::Target;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// The largest [`resend_limit`](Builder::resend_limit): 16 MiB.
const MOST_RESENT: usize = 16 << 20;

/// The settings of a [`Channel`].
#[derive(Debug)]
pub struct Builder<D, P = AnyPolicy> {
    balancer: builder::Builder<D, P>,
    links: Settings,
    calls: Calls,
}

/// The builder knows no policy yet; the default stands for it, so that nobody has to name one.
impl Channel {
    /// Begins a channel to the endpoints of `source`. Calls that come with no time-out have no time
    /// limit of their own:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use core::time::Duration;
    /// use evenkeel::{Fixed, Retry, tonic::Channel};
    ///
    /// let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
    /// let addresses = Fixed::new(["10.0.0.1:50051", "10.0.0.2:50051"])?;
    /// let channel = Channel::builder(addresses).retry(retry).build()?;
    /// # drop(channel);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder<D: Discover>(source: D) -> Builder<D> {
        Builder::new(source)
    }
}

impl<D: Discover> Builder<D> {
    fn new(source: D) -> Self {
        Self {
            balancer: Balancer::builder(source),
            links: Settings {
                target: meter::OTHER.into(),
                connector: Connector::tcp(),
                connect_timeout: Duration::from_secs(20),
                backoff: ConnectionBackoff::DEFAULT,
                keep_alive: None,
                keep_alive_while_idle: false,
            },
            calls: Calls {
                retry: Retry::new(RetryPolicy::DEFAULT),
                judge: Judge(Arc::new(Code::verdict)),
                resend_limit: 256 << 10,
                wait_for_ready: false,
                scheme: Scheme::HTTP,
                authority: None,
                key: None,
            },
        }
    }
}

impl<D: Discover, P> Builder<D, P> {
    /// Sets the policy: see [`Builder::policy`](crate::Builder::policy).
    #[must_use]
    pub fn policy<Q: Policy>(self, policy: Q) -> Builder<D, Q> {
        let Self { balancer, links, calls } = self;
        Builder { balancer: balancer.policy(policy), links, calls }
    }

    /// Sets the settings of the balancer: see [`Builder::config`](crate::Builder::config).
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        Self { balancer: self.balancer.config(config), ..self }
    }

    /// Sets when endpoints are let go: see [`Builder::removal`](crate::Builder::removal).
    #[must_use]
    pub fn removal(self, removal: Removal) -> Self {
        Self { balancer: self.balancer.removal(removal), ..self }
    }

    /// Sets how often calls are tried, how long they may take, and their budget and hedges; default:
    /// 3 attempts without a time limit. What a status means is said by
    /// [`verdict`](Self::verdict). With hedges, every call may be done twice.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        Self { calls: Calls { retry, ..self.calls }, ..self }
    }

    /// Decides what a status means, and what the server said of trying again; default:
    /// [`Code::verdict`]. Calls that change something, and must not be done twice, want
    /// `UNAVAILABLE` to be [`Verdict::NonRetryableFailure`].
    ///
    /// ```
    /// use evenkeel::tonic::{Channel, Code};
    /// use evenkeel::{Fixed, Verdict};
    ///
    /// # fn main() -> Result<(), evenkeel::TargetError> {
    /// let builder = Channel::builder(Fixed::new(["10.0.0.1:50051"])?).verdict(|code, push_back| {
    ///     // This service says ABORTED of transactions that may be tried again.
    ///     if code == Code::Aborted { Verdict::RetryableFailure } else { code.verdict(push_back) }
    /// });
    /// # drop(builder);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn verdict(
        self,
        judge: impl Fn(Code, Option<PushBack>) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        Self { calls: Calls { judge: Judge(Arc::new(judge)), ..self.calls }, ..self }
    }

    /// Sets how many bytes of a request are kept to send it again, from 0 (never sent again) to
    /// 16 MiB; default: 256 KiB, as gRPC. Larger requests are sent once.
    ///
    /// # Errors
    /// [`SettingError`] above 16 MiB.
    pub fn resend_limit(self, bytes: usize) -> Result<Self, SettingError> {
        if bytes > MOST_RESENT {
            let (setting, limit) = ("resend_limit", "at most 16 MiB (16777216)");
            return Err(SettingError { setting, value: bytes.to_string(), limit });
        }
        Ok(Self { calls: Calls { resend_limit: bytes, ..self.calls }, ..self })
    }

    /// Lets calls wait for a connection, up to their deadline, where none is ready and all have
    /// failed (gRPC's `wait_for_ready`); by default they fail at once. Either way, they wait for
    /// connections that are made for the first time.
    ///
    /// Nobody waits for room: where all that are connected have
    /// [as many calls in flight](crate::Config::max_in_flight) as they may have, a call fails at once
    /// with `UNAVAILABLE`, as by gRPC's circuit breaking (its proposal A32).
    #[must_use]
    pub fn wait_for_ready(self) -> Self {
        Self { calls: Calls { wait_for_ready: true, ..self.calls }, ..self }
    }

    /// Reads the key of a call from its head, as [`Balancer::pick_for`] takes it: policies that hash
    /// keep the calls of one key together.
    #[must_use]
    pub fn key(
        self,
        key: impl Fn(&http::request::Parts) -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        Self { calls: Calls { key: Some(Key(Box::new(key))), ..self.calls }, ..self }
    }

    /// Sets the `:authority` of all calls; default: host and port of the endpoint.
    ///
    /// # Errors
    /// [`SettingError`] when it is none.
    pub fn authority(self, authority: &str) -> Result<Self, SettingError> {
        let parsed = authority.parse::<Authority>().map_err(|_| SettingError {
            setting: "authority",
            value: authority.to_owned(),
            limit: "a host, perhaps with `:port`",
        })?;
        Ok(Self { calls: Calls { authority: Some(parsed), ..self.calls }, ..self })
    }

    /// Sets how long it may take to connect, above zero; default: 20 s, as gRPC.
    ///
    /// # Errors
    /// [`SettingError`] for zero.
    pub fn connect_timeout(self, timeout: Duration) -> Result<Self, SettingError> {
        above_zero("connect_timeout", timeout)?;
        Ok(Self { links: Settings { connect_timeout: timeout, ..self.links }, ..self })
    }

    /// Sets the waits between tries to connect; default: [`ConnectionBackoff::DEFAULT`].
    #[must_use]
    pub fn connection_backoff(self, backoff: ConnectionBackoff) -> Self {
        Self { links: Settings { backoff, ..self.links }, ..self }
    }

    /// Asks a connection with calls under way if it is still there, by HTTP/2 pings, when nothing
    /// came for `interval`, and takes it as lost without an answer for `timeout`; default: never, as
    /// gRPC. Many servers take more than one ping in 5 minutes as an attack, unless told
    /// otherwise.
    ///
    /// # Errors
    /// [`SettingError`] when either is zero.
    pub fn keep_alive(self, interval: Duration, timeout: Duration) -> Result<Self, SettingError> {
        above_zero("keep_alive interval", interval)?;
        above_zero("keep_alive timeout", timeout)?;
        let keep_alive = Some((interval, timeout));
        Ok(Self { links: Settings { keep_alive, ..self.links }, ..self })
    }

    /// Asks connections without calls, too.
    #[must_use]
    pub fn keep_alive_while_idle(self) -> Self {
        Self { links: Settings { keep_alive_while_idle: true, ..self.links }, ..self }
    }

    /// Connects by `connect` instead of plain TCP: by TLS, through a proxy, to a Unix socket.
    #[must_use]
    pub fn connector<I, E, Fut>(
        self,
        connect: impl Fn(Target) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        I: Io,
        E: Into<BoxError>,
        Fut: Future<Output = Result<I, E>> + Send + 'static,
    {
        Self { links: Settings { connector: Connector::new(connect), ..self.links }, ..self }
    }

    /// Connects by TLS. The certificate has to be for the name that discovery gave the endpoint, or for
    /// what `tls` says.
    ///
    /// ```
    /// use evenkeel::{Fixed, Tls, tonic::Channel};
    ///
    /// # fn main() -> Result<(), evenkeel::TargetError> {
    /// let builder = Channel::builder(Fixed::new(["greeter.example.com:443"])?).tls(Tls::default());
    /// # drop(builder);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        Self { links: Settings { connector: Connector::tls(tls), ..self.links }, ..self }.https()
    }

    /// Sets what gRPC's metrics call the channel, as the label `grpc.target`: in gRPC, the name that
    /// it was made for, such as `dns:///greeter.example.com`; default: `other`. Without the feature
    /// `metrics`, it means nothing.
    #[must_use]
    pub fn metrics_target(self, target: &str) -> Self {
        Self { links: Settings { target: target.into(), ..self.links }, ..self }
    }

    /// Names `https` in calls instead of `http`: for a [`connector`](Self::connector) that speaks
    /// TLS.
    #[must_use]
    pub fn https(self) -> Self {
        Self { calls: Calls { scheme: Scheme::HTTPS, ..self.calls }, ..self }
    }
}

impl<D: Discover, P: Policy + Clone + Send + Sync + 'static> Builder<D, P> {
    /// Starts discovery and connects in tasks on the current runtime. Returns at once; the first
    /// calls wait until an endpoint is connected.
    ///
    /// # Errors
    /// [`BuildError`] outside a tokio runtime, or when settings contradict each other.
    pub fn build(self) -> Result<Channel<P>, BuildError> {
        let seed = RandomState::new().build_hasher().finish();
        let links = Arc::new(Links::new(self.links, seed));
        let balancer = self.balancer.build(Make(Arc::clone(&links)))?;
        // The first time: nobody else has set it.
        let _ = links.orders.set(balancer.shared.orders.clone());
        Ok(Channel::new(balancer, links, self.calls))
    }
}

fn above_zero(setting: &'static str, value: Duration) -> Result<(), SettingError> {
    if value.is_zero() {
        return Err(SettingError { setting, value: format!("{value:?}"), limit: "above zero" });
    }
    Ok(())
}

/// A setting of a [`Builder`] has a value that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingError {
    /// The setting's name.
    pub setting: &'static str,
    /// What it was to be.
    pub value: String,
    /// What it has to be.
    pub limit: &'static str,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {:?}: it must be {}", self.setting, self.value, self.limit)
    }
}

impl core::error::Error for SettingError {}
