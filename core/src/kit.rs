//! Parts of a balancer beside endpoints and loads: there only where they are named.
//!
//! | kit | rules of health | zones, levels, subset | slow start | counts | events |
//! |---|---|---|---|---|---|
//! | [`Bare`] | none | first level only | no | no | no |
//! | [`Small`] | ours, or those named | first level only | no | no | no |
//! | [`SmallWithEvents`] | ours, or those named | first level only | no | no | yes |
//! | [`Full`] | by name, or those named | all | yes | yes | yes |
//!
//! A part that is missing ignores its settings.

use core::marker::PhantomData;

use crate::counts::{Counter, Counts};
use crate::event::{EventLog, NoEvents, Ring};
use crate::health::{AnyBook, Evenkeel, NoRules, Rules};
use crate::settings::{Config, Defaults, NoHealth, Settings};
use crate::slow_start::{Warming, Warmth};
use crate::store::{List, Nothing, Store};

/// The most groups of candidates that are formed at once.
pub const GROUPS: usize = 4;

/// Settings, and the parts that heed them.
pub trait Kit: Settings + Copy + 'static {
    /// The parts: [`Bare`], [`Small`], [`Seen`], [`Full`].
    type Parts: Parts;
}

/// The parts of a balancer; see the [module](self).
pub trait Parts: 'static {
    /// The rules by which endpoints are ejected.
    type Rules: Rules;
    /// Counts reports.
    #[doc(hidden)]
    type Counts: Counter;
    /// Keeps slow starts.
    #[doc(hidden)]
    type Warmth: Warmth;
    /// Something for each group of candidates.
    #[doc(hidden)]
    type Groups<T>: List<T>;
    /// Keeps events.
    #[doc(hidden)]
    type Events<St: Store>: EventLog;
}

/// Endpoints and loads alone.
#[derive(Clone, Copy, Debug)]
pub enum Bare {}

impl Parts for Bare {
    type Rules = NoRules;
    type Counts = ();
    type Warmth = ();
    type Groups<T> = Nothing<T>;
    type Events<St: Store> = NoEvents;
}

/// Health besides, by the rules `R`.
#[derive(Clone, Copy, Debug)]
pub struct Small<R = Evenkeel>(PhantomData<R>);

impl<R: Rules> Parts for Small<R> {
    type Rules = R;
    type Counts = ();
    type Warmth = ();
    type Groups<T> = Nothing<T>;
    type Events<St: Store> = NoEvents;
}

/// The same, and events.
#[derive(Clone, Copy, Debug)]
pub struct SmallWithEvents<R = Evenkeel>(PhantomData<R>);

impl<R: Rules> Parts for SmallWithEvents<R> {
    type Rules = R;
    type Counts = ();
    type Warmth = ();
    type Groups<T> = Nothing<T>;
    type Events<St: Store> = Ring<St>;
}

/// The same, and counts of reports: what pages and dashboards show.
#[derive(Clone, Copy, Debug)]
pub struct Seen<R = Evenkeel>(PhantomData<R>);

impl<R: Rules> Parts for Seen<R> {
    type Rules = R;
    type Counts = Counts;
    type Warmth = ();
    type Groups<T> = Nothing<T>;
    type Events<St: Store> = Ring<St>;
}

/// Everything, health by the rules `R`.
#[derive(Clone, Copy, Debug)]
pub struct Full<R = AnyBook>(PhantomData<R>);

impl<R: Rules> Parts for Full<R> {
    type Rules = R;
    type Counts = Counts;
    type Warmth = Warming;
    type Groups<T> = heapless::Vec<T, GROUPS>;
    type Events<St: Store> = Ring<St>;
}

impl Kit for Defaults {
    type Parts = Small;
}

impl Kit for NoHealth {
    type Parts = Bare;
}

impl Kit for Config {
    type Parts = Full;
}

impl<S: Kit> Kit for &'static S {
    type Parts = S::Parts;
}
