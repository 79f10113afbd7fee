//! tower: a balanced [`Service`](tower_service::Service), its [`Layer`](tower_layer::Layer), and
//! tower's discovery both ways.
//!
//! A [`BalanceService`] is for a [`Balancer`](crate::Balancer) whose clients are services
//! themselves. Clone it for each task; what is around it is around the whole call, what is in the
//! clients is around each attempt:
//!
//! ```
//! use core::time::Duration;
//!
//! use evenkeel::tower::{BalanceService, SharedService};
//! use evenkeel::{Balancer, Fixed, Retry, Target};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?)
//!     .build(async |target: Target| {
//!         // … connect to `target` …
//!         let client = service_fn(async |name: String| Ok::<_, std::io::Error>(name + "!"));
//!         Ok::<_, std::io::Error>(client)
//!     })?;
//! let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
//! let service = ServiceBuilder::new()
//!     .concurrency_limit(100)
//!     .service(BalanceService::new(balancer).retry(retry).queue(1_000));
//! let answer = service.oneshot("hello".to_owned()).await?;
//! assert_eq!(answer, "hello!");
//! # Ok(())
//! # }
//! ```
//!
//! [`BalanceLayer`] is for one client that reaches every endpoint, such as an HTTP client with
//! pools: the inner service gets each attempt [with its endpoint](Directed).

mod answer;
mod error;
mod from_discover;
mod into_discover;
mod layer;
mod ready;
mod service;
mod shared;

pub use answer::ResponseFuture;
pub use error::EndpointError;
pub use from_discover::{FromDiscover, Inserted};
pub use into_discover::IntoDiscover;
pub use layer::BalanceLayer;
pub use service::{Balance, BalanceService, Direct, Directed};
pub use shared::SharedService;
