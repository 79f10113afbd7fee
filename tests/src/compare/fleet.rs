//! The servers, each a process of its own.

use core::net::SocketAddr;
use std::io;
use std::path::Path;

use super::nginx::Nginx;
use super::plan::{Fault, SERVERS, Step};
use crate::processes::Process;
use crate::processes::backend::Protocol;

/// Which servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// hyper and nginx in turn, HTTP/1.
    Both,
    /// hyper, HTTP/1.
    Hyper,
    /// hyper, gRPC.
    Grpc,
}

/// The servers of a side.
#[derive(Debug)]
pub struct Fleet {
    servers: Vec<Server>,
}

#[derive(Debug)]
enum Server {
    Hyper(Process),
    Nginx(Nginx),
}

impl Fleet {
    /// Starts them, those of hyper by `program backend` or `program grpc`.
    ///
    /// # Errors
    /// One does not start.
    pub async fn start(kind: Kind, program: &Path) -> io::Result<Self> {
        let mut servers = Vec::new();
        for place in 0..SERVERS {
            servers.push(match kind {
                Kind::Both if place % 2 == 1 => Server::Nginx(Nginx::start().await?),
                Kind::Both | Kind::Hyper => {
                    Server::Hyper(Process::speaking(Protocol::Http, program)?)
                }
                Kind::Grpc => Server::Hyper(Process::speaking(Protocol::Grpc, program)?),
            });
        }
        Ok(Self { servers })
    }

    /// Returns where they listen, but for those at these places.
    pub fn without(&self, away: &[usize]) -> Vec<SocketAddr> {
        let servers = self.servers.iter().enumerate();
        servers
            .filter(|(place, _)| !away.contains(place))
            .map(|(_, server)| server.addr())
            .collect()
    }

    /// Begins the faults of a step.
    ///
    /// # Errors
    /// A server does not do as it is told.
    pub async fn begin(&mut self, step: &Step) -> io::Result<()> {
        for &(place, fault) in step.faults {
            let server = &mut self.servers[place];
            match fault {
                Fault::Killed => server.kill(),
                Fault::Stopped => server.signal("-STOP")?,
                Fault::Restarted => server.restart().await?,
                Fault::Slowed => server.slow()?,
            }
        }
        Ok(())
    }

    /// Ends them.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn end(&mut self, step: &Step) -> io::Result<()> {
        for &(place, fault) in step.faults {
            let server = &mut self.servers[place];
            match fault {
                Fault::Killed => server.restart().await?,
                Fault::Stopped => server.signal("-CONT")?,
                Fault::Restarted => {}
                Fault::Slowed => server.well()?,
            }
        }
        Ok(())
    }
}

impl Server {
    fn addr(&self) -> SocketAddr {
        match self {
            Self::Hyper(process) => process.addr(),
            Self::Nginx(nginx) => nginx.addr(),
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Hyper(process) => process.kill(),
            Self::Nginx(nginx) => nginx.kill(),
        }
    }

    async fn restart(&mut self) -> io::Result<()> {
        match self {
            Self::Hyper(process) => process.restart(),
            Self::Nginx(nginx) => nginx.restart().await,
        }
    }

    fn signal(&self, signal: &str) -> io::Result<()> {
        match self {
            Self::Hyper(process) => process.signal(signal),
            Self::Nginx(nginx) => nginx.signal(signal),
        }
    }

    fn slow(&mut self) -> io::Result<()> {
        match self {
            Self::Hyper(process) => process.tell("slow 50"),
            Self::Nginx(nginx) => nginx.slow(),
        }
    }

    fn well(&mut self) -> io::Result<()> {
        match self {
            Self::Hyper(process) => process.tell("well"),
            Self::Nginx(nginx) => nginx.well(),
        }
    }
}
