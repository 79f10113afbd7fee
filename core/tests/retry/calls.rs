//! Published rules of retries and hedging, each as a test: gRFC A6 (client retries), Envoy's retry
//! policy. What they quote is from A6.

mod elsewhere;
mod fixture;
mod hedging;
mod retries;
mod service;
mod tried;
