//! The endpoints that may be picked: levels of priority, subsets, zones, slow start, limits; and the
//! parts that a kit leaves out.

mod any_set;
mod cases;
mod fixture;
mod kits;
mod levels;
mod limits;
mod next_level;
mod seeds;
mod shells;
mod slow_start;
mod subset;
mod zones;
