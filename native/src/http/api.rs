//! What clients over HTTP have in common, whatever sends for them: said once for all of them.

/// Adds to a client what makes requests of each method: its `request` does the rest.
macro_rules! methods {
    ($client:ident) => {
        impl<P: Policy + Send + Sync + 'static> $client<P> {
            /// Begins a GET of a path. Where it names an origin, an endpoint stands in for that.
            pub fn get(&self, path: &str) -> RequestBuilder<P> {
                self.request(Method::GET, path)
            }

            /// Begins a HEAD.
            pub fn head(&self, path: &str) -> RequestBuilder<P> {
                self.request(Method::HEAD, path)
            }

            /// Begins a POST.
            pub fn post(&self, path: &str) -> RequestBuilder<P> {
                self.request(Method::POST, path)
            }

            /// Begins a PUT.
            pub fn put(&self, path: &str) -> RequestBuilder<P> {
                self.request(Method::PUT, path)
            }

            /// Begins a PATCH.
            pub fn patch(&self, path: &str) -> RequestBuilder<P> {
                self.request(Method::PATCH, path)
            }

            /// Begins a DELETE.
            pub fn delete(&self, path: &str) -> RequestBuilder<P> {
                self.request(Method::DELETE, path)
            }
        }
    };
}

/// Adds to a builder of requests what the balancer wants to know of them.
macro_rules! marks {
    () => {
        /// Names what the request belongs to, such as a user: policies that hash keep together what
        /// has the same key.
        pub fn key(self, key: &str) -> Self {
            Self { key: Some(evenkeel_core::hash::str(key)), ..self }
        }

        /// Says whether the request may be done twice, one after another and at the same time. By
        /// default, its method and an `Idempotency-Key` say so: a PUT or DELETE may be sent again
        /// after a failure only, neither beside the first nor after the head of an answer.
        pub fn idempotent(self, may: bool) -> Self {
            self.repeat(if may { Repeat::Idempotent } else { Repeat::Sequential })
        }

        /// Says when the request may be sent again; [`Idempotent`](Repeat::Idempotent) is what
        /// [`idempotent(true)`](Self::idempotent) says.
        pub fn repeat(self, repeat: Repeat) -> Self {
            Self { repeat: Some(repeat), ..self }
        }
    };
}

/// Adds to a client over balanced `$endpoint`s, whose attempts end in an `$error`, its settings.
macro_rules! settings {
    ($endpoint:ty, $error:ty) => {
        /// Sets attempts, times, backoff, hedges and budget, in place of all
        /// [defaults](crate::http::default_retry). Whatever this says, a request is hedged, or sent
        /// again for a body that broke unread, only if its method is safe (GET, HEAD, OPTIONS,
        /// TRACE), it has an `Idempotency-Key`, or you say that it may be done twice. The time
        /// limit of an attempt ends at the head of its answer; that of the whole call covers the
        /// body.
        #[must_use]
        pub fn with_retry(mut self, retry: Retry) -> Self {
            Arc::make_mut(&mut self.rules).retry = retry;
            self
        }

        /// Decides by `accept` what an answer means, by its head; where it says `None`, the
        /// [usual](crate::http::verdict) holds.
        #[must_use]
        pub fn with_accept(
            mut self,
            accept: impl Fn(&Parts) -> Option<Verdict> + Send + Sync + 'static,
        ) -> Self {
            Arc::make_mut(&mut self.rules).accept = Some(Arc::new(accept));
            self
        }

        /// Says that endpoints are keys or accounts: one that answers 401 or 403 has a bad key, and
        /// rests for so long, at most [`max_retry_after`](crate::Config::max_retry_after); the
        /// request goes to another, whatever its method, and does not wait for one to be back:
        /// where all keys are bad, the last answer is returned. Default: the request is at fault.
        ///
        /// ```
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// use core::time::Duration;
        /// use evenkeel::{Fixed, http::Client};
        ///
        /// let client = Client::over(Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?)?
        ///     .with_keys(Duration::from_secs(300));
        /// # drop(client);
        /// # Ok(())
        /// # }
        /// ```
        #[must_use]
        pub fn with_keys(mut self, rest: Duration) -> Self {
            Arc::make_mut(&mut self.rules).keys = Some(rest);
            self
        }

        /// Decides by `classify` what an error means; where it says `None`, the usual holds.
        #[must_use]
        pub fn with_classify(
            mut self,
            classify: impl Fn(&$error) -> Option<Verdict> + Send + Sync + 'static,
        ) -> Self {
            Arc::make_mut(&mut self.rules).classify = Some(Arc::new(classify));
            self
        }

        /// Ends bodies of which nothing comes for so long; default: never.
        #[must_use]
        pub fn with_body_idle_timeout(mut self, timeout: Duration) -> Self {
            Arc::make_mut(&mut self.rules).body_idle = Some(timeout);
            self
        }

        /// Tells each endpoint in this header how long its attempt may still take, so that it does
        /// not go on for nobody: in whole milliseconds, or as gRPC says it where it is
        /// `grpc-timeout` (`250000u`). Without a time limit there is none, and what the request
        /// says itself stays. Default: no header.
        #[must_use]
        pub fn with_deadline_header(mut self, name: HeaderName) -> Self {
            Arc::make_mut(&mut self.rules).deadline = Some(name);
            self
        }

        /// Returns the balancer.
        pub fn balancer(&self) -> &Balancer<$endpoint, P> {
            &self.balancer
        }

        /// Waits as [`Balancer::ready`] does.
        pub async fn ready(&self) {
            self.balancer.ready().await;
        }
    };
}

pub(crate) use {marks, methods, settings};
