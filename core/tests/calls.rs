//! Published rules of retries and hedging, each as a test: gRFC A6 (client retries), Envoy's retry policy. What they quote is from
//! A6.

#[path = "calls/driver.rs"]
mod driver;
#[path = "calls/hedging.rs"]
mod hedging;
#[path = "calls/retries.rs"]
mod retries;
