//! A snapshot with as many clients as a model wants.

use core::marker::PhantomData;

use crate::load::Load;
use crate::sync::Arc;

#[derive(Debug)]
pub(crate) struct Snapshot<C, P> {
    pub(crate) version: u64,
    /// `None`: the endpoint has left.
    pub(crate) client: Option<Arc<Load>>,
    pub(crate) kinds: PhantomData<(C, P)>,
}
