//! An nginx, one process, that can be slow.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::time::sleep;

use crate::processes::envoy::free_port;
use crate::processes::process::send;

/// An nginx on one port for all its lives. Killed when dropped.
#[derive(Debug)]
pub(super) struct Nginx {
    addr: SocketAddr,
    folder: TempDir,
    child: Option<Child>,
}

impl Nginx {
    /// Starts one on a free port, and waits until it listens.
    pub(super) async fn start() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("nginx-").tempdir()?;
        let addr = free_port()?;
        fs::write(folder.path().join("users"), "")?;
        fs::write(folder.path().join("nginx.conf"), config(addr, &folder))?;
        let mut nginx = Self { addr, folder, child: None };
        nginx.restart().await?;
        Ok(nginx)
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(super) async fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let mut child = Command::new("nginx")
            .arg("-p")
            .arg(self.folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("nginx: {error}")))?;
        while TcpStream::connect(self.addr).is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!("nginx ended: {status}")));
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.child = Some(child);
        Ok(())
    }

    pub(super) fn signal(&self, signal: &str) -> io::Result<()> {
        self.child.as_ref().map_or(Ok(()), |child| send(child, signal))
    }

    /// Answers 50 ms later from now on.
    pub(super) fn slow(&self) -> io::Result<()> {
        fs::write(self.folder.path().join("slow"), "")
    }

    pub(super) fn well(&self) -> io::Result<()> {
        fs::remove_file(self.folder.path().join("slow"))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Of nginx's own modules, only that for passwords can wait: whoever has none is told so 50 ms
/// later, and gets the usual answer in its place.
fn config(addr: SocketAddr, folder: &TempDir) -> String {
    let folder = folder.path().display();
    format!(
        "daemon off; master_process off; pid {folder}/pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {addr};
        location / {{ if (-f {folder}/slow) {{ rewrite ^ /slow last; }} return 200; }}
        location = /slow {{
            internal; auth_delay 50ms; auth_basic slow; auth_basic_user_file {folder}/users;
            error_page 401 =200 /answer;
        }}
        location = /answer {{ internal; return 200; }}
    }}
}}
"
    )
}
