//! Asks backends through a client: `evenkeel-peers CLIENT BACKEND,… CALLERS`. The user code of a
//! client is in the file of its name. And is such a backend: `evenkeel-peers backend PORT`, `grpc
//! PORT`.

#[path = "../../src/processes/backend.rs"]
#[allow(dead_code, unreachable_pub)]
mod backend;
mod caller;
mod evenkeel;
mod evenkeel_tonic;
mod pingora;
mod proxy;
mod reqwest_retry;
mod round_robin;
mod tonic;
mod tower;

use std::env;

use crate::backend::{Protocol, serve};
use crate::caller::{BoxError, call};

/// A path of HTTP, and a method of gRPC.
const PATH: &str = "/lookup.Users/Get";

/// Calls through a client whose answers are statuses of HTTP.
macro_rules! http {
    ($client:ident, $callers:expr, $made:expr) => {
        call($callers, $made, |client| async { Ok($client::get(client, PATH).await? == 200) }).await
    };
}

/// Calls through a client of gRPC.
macro_rules! grpc {
    ($client:ident, $callers:expr, $made:expr) => {
        call($callers, $made, |client| async { Ok($client::get(client, PATH).await.is_ok()) }).await
    };
}

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["backend", port] => Ok(serve(Protocol::Http, port.parse()?)?),
        ["grpc", port] => Ok(serve(Protocol::Grpc, port.parse()?)?),
        [name, backends, callers] => ask(name, backends, callers.parse()?),
        _ => Err("evenkeel-peers CLIENT BACKEND,… CALLERS | backend PORT | grpc PORT".into()),
    }
}

#[tokio::main]
async fn ask(name: &str, backends: &str, callers: usize) -> Result<(), BoxError> {
    let backends: Vec<String> = backends.split(',').map(str::to_owned).collect();
    match name {
        "evenkeel" => http!(evenkeel, callers, evenkeel::client(&backends)?),
        "round_robin" => http!(round_robin, callers, round_robin::client(&backends)),
        "proxy" => http!(proxy, callers, proxy::client(&backends[0])),
        "tower" => http!(tower, callers, tower::client(&backends)),
        "pingora" => http!(pingora, callers, pingora::client(&backends)?),
        "reqwest_retry" => http!(reqwest_retry, callers, reqwest_retry::client(&backends)?),
        "evenkeel_tonic" => grpc!(evenkeel_tonic, callers, evenkeel_tonic::client(&backends)?),
        "tonic" => grpc!(tonic, callers, tonic::client(&backends)?),
        unknown => return Err(format!("{unknown:?} is no client").into()),
    }?;
    Ok(())
}
