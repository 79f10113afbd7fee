//! What a thread has besides its pocket: nothing that the models need.

#[derive(Debug)]
pub(crate) struct Stripe;
