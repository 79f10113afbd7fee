//! How many connections are how far.

use std::sync::Arc;

use tokio::sync::watch;

/// What a call would meet at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its connection is being made, and has not failed since it was last there.
    Pending,
    Ready,
    /// It failed, and is made again after a wait.
    Failed,
}

/// How many endpoints are at which stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub(super) pending: usize,
    pub(super) ready: usize,
    pub(super) failed: usize,
}

impl Census {
    fn of(&mut self, stage: Stage) -> &mut usize {
        match stage {
            Stage::Pending => &mut self.pending,
            Stage::Ready => &mut self.ready,
            Stage::Failed => &mut self.failed,
        }
    }
}

/// An endpoint's place in the census; left when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    census: Arc<watch::Sender<Census>>,
    stage: Stage,
}

impl Seat {
    pub(super) fn new(census: Arc<watch::Sender<Census>>) -> Self {
        let stage = Stage::Pending;
        census.send_modify(|census| *census.of(stage) += 1);
        Self { census, stage }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) fn move_to(&mut self, stage: Stage) {
        if stage != self.stage {
            self.census.send_modify(|census| {
                *census.of(self.stage) -= 1;
                *census.of(stage) += 1;
            });
            self.stage = stage;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.census.send_modify(|census| *census.of(self.stage) -= 1);
    }
}
