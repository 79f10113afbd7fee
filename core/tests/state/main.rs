//! A balancer's knowledge outlives it: exported, kept as text or bytes, and taken over by the
//! next one.
#![cfg(all(feature = "alloc", feature = "serde"))]

mod any_state;
mod bounds;
mod cases;
mod clocks;
mod damage;
mod fixture;
mod form;
mod goes_on;
mod newer;
mod operator;
mod refused;
mod rotation;
mod rows;
mod slow_start;
mod time;
