//! etcd, one node or several, as Debian has it.

use core::time::Duration;
use std::fs;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;

use super::certificates::Certificates;

const START_LIMIT: Duration = Duration::from_secs(60);

/// A running cluster; killed when dropped.
#[derive(Debug)]
pub struct Etcd {
    dir: TempDir,
    nodes: Vec<Node>,
    tls: bool,
}

#[derive(Debug)]
struct Node {
    client: u16,
    peer: u16,
    data: PathBuf,
    child: Option<Child>,
    serves: Option<Receiver<()>>,
    log: Arc<Mutex<String>>,
}

impl Etcd {
    /// Starts a cluster of so many nodes, and waits until it serves.
    ///
    /// # Panics
    /// If `etcd` is not installed or does not start.
    pub fn start(nodes: usize) -> Self {
        Self::launch(nodes, None)
    }

    /// Starts one node that wants a client's certificate.
    ///
    /// # Panics
    /// If `etcd` is not installed or does not start.
    pub fn start_with_tls(certificates: &Certificates) -> Self {
        Self::launch(1, Some(certificates))
    }

    fn launch(nodes: usize, certificates: Option<&Certificates>) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        if let Some(Certificates { authority, server, client }) = certificates {
            let files = [
                ("ca.pem", authority),
                ("server.pem", &server.0),
                ("server-key.pem", &server.1),
                ("client.pem", &client.0),
                ("client-key.pem", &client.1),
            ];
            for (name, pem) in files {
                fs::write(dir.path().join(name), pem).unwrap();
            }
        }
        // All at once, so that they differ.
        let ports: Vec<_> =
            (0..2 * nodes).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let port = |index: usize| ports[index].local_addr().unwrap().port();
        let nodes = (0..nodes).map(|node| Node {
            client: port(2 * node),
            peer: port(2 * node + 1),
            data: dir.path().join(format!("n{node}")),
            child: None,
            serves: None,
            log: Arc::default(),
        });
        let nodes = nodes.collect::<Vec<_>>();
        drop(ports);
        let mut etcd = Self { dir, nodes, tls: certificates.is_some() };
        for node in 0..etcd.nodes.len() {
            etcd.spawn(node);
        }
        for node in 0..etcd.nodes.len() {
            etcd.wait_for(node);
        }
        etcd
    }

    /// Returns the members' URLs.
    pub fn urls(&self) -> Vec<String> {
        let scheme = if self.tls { "https" } else { "http" };
        self.nodes.iter().map(|node| format!("{scheme}://127.0.0.1:{}", node.client)).collect()
    }

    /// Runs `etcdctl`, and returns what it says.
    ///
    /// # Panics
    /// If it fails.
    pub fn ctl(&self, args: &[&str]) -> String {
        // The dead ones would only cost time.
        let alive = self.nodes.iter().zip(self.urls()).filter(|(node, _)| node.child.is_some());
        let urls: Vec<_> = alive.map(|(_, url)| url).collect();
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").arg("--endpoints").arg(urls.join(","));
        if self.tls {
            for (option, file) in
                [("--cacert", "ca.pem"), ("--cert", "client.pem"), ("--key", "client-key.pem")]
            {
                command.arg(option).arg(self.dir.path().join(file));
            }
        }
        let output = command.args(args).output().expect("etcdctl: install etcd-client");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "etcdctl {args:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Returns how many questions the first member was asked, of all clients, as its metrics have it.
    ///
    /// # Errors
    /// It does not answer.
    pub fn asked(&self) -> io::Result<u64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.nodes[0].client))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        let counters = said.lines().filter(|line| line.starts_with("grpc_server_started_total{"));
        Ok(counters.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// Puts a key.
    pub fn put(&self, key: &str, value: &str) {
        self.ctl(&["put", key, value]);
    }

    /// Puts keys one after the other, over one connection: a revision each.
    ///
    /// # Errors
    /// The first member does not take one.
    pub async fn put_each(
        &self,
        all: impl IntoIterator<Item = (String, String)>,
    ) -> io::Result<()> {
        let at = format!("127.0.0.1:{}", self.nodes[0].client);
        let stream = TokioIo::new(tokio::net::TcpStream::connect(&at).await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        for (key, value) in all {
            let (key, value) = (STANDARD.encode(key), STANDARD.encode(value));
            let put = serde_json::json!({ "key": key, "value": value }).to_string();
            let ask = Request::post("/v3/kv/put").header("host", &at).body(put);
            let answer = sender.send_request(ask.map_err(io::Error::other)?).await;
            let answer = answer.map_err(io::Error::other)?;
            if !answer.status().is_success() {
                return Err(io::Error::other(answer.status().to_string()));
            }
            answer.into_body().collect().await.map_err(io::Error::other)?;
            sender.ready().await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Takes so many steps at once, each a line as `put KEY VALUE`; 10,000 at most.
    ///
    /// # Panics
    /// If that fails.
    pub fn transact(&self, steps: &str) {
        let mut ctl = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.urls()[0], "txn"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("etcdctl: install etcd-client");
        // Without a condition, and with nothing to do if it does not hold.
        let stdin = ctl.stdin.take().expect("a pipe");
        write!(&stdin, "\n{steps}\n\n").expect("etcdctl reads");
        drop(stdin);
        assert!(ctl.wait().expect("etcdctl ends").success(), "{steps}");
    }

    /// Returns the node that leads.
    ///
    /// # Panics
    /// If none does.
    pub fn leader(&self) -> usize {
        let status = self.ctl(&["endpoint", "status"]);
        let leads = |line: &str| line.split(", ").nth(4) == Some("true");
        let line = status.lines().find(|line| leads(line)).expect("a leader");
        self.urls().iter().position(|url| line.starts_with(url)).expect("a member")
    }

    /// Kills a node.
    pub fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.nodes[node].child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Starts a node again, and waits until it serves.
    pub fn start_again(&mut self, node: usize) {
        self.kill(node);
        self.spawn(node);
        self.wait_for(node);
    }

    /// Saves what is there, for [`restore`](Self::restore).
    ///
    /// # Panics
    /// If that fails.
    pub fn save(&self) {
        let path = self.dir.path().join("snapshot");
        self.ctl(&["snapshot", "save", path.to_str().unwrap()]);
    }

    /// Goes back to what was saved, with the only node there is.
    ///
    /// # Panics
    /// If that fails.
    pub fn restore(&mut self) {
        let (snapshot, data) = (self.dir.path().join("snapshot"), self.dir.path().join("restored"));
        let peer = format!("http://127.0.0.1:{}", self.nodes[0].peer);
        self.ctl(&[
            "snapshot",
            "restore",
            snapshot.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
            "--name",
            "n0",
            "--initial-cluster",
            &format!("n0={peer}"),
            "--initial-advertise-peer-urls",
            &peer,
        ]);
        self.kill(0);
        self.nodes[0].data = data;
        self.start_again(0);
    }

    fn spawn(&mut self, index: usize) {
        let url = self.urls()[index].clone();
        let peers = self.nodes.iter().enumerate();
        let peers = peers.map(|(index, node)| format!("n{index}=http://127.0.0.1:{}", node.peer));
        let peers = peers.collect::<Vec<_>>().join(",");
        let node = &mut self.nodes[index];
        let peer = format!("http://127.0.0.1:{}", node.peer);
        let mut command = Command::new("etcd");
        command.args(["--name", &format!("n{index}"), "--data-dir"]).arg(&node.data);
        command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &peers, "--unsafe-no-fsync"]);
        command.args(["--heartbeat-interval", "50", "--election-timeout", "500"]);
        command.args(["--max-txn-ops", "10000"]);
        if self.tls {
            for (option, file) in [
                ("--cert-file", "server.pem"),
                ("--key-file", "server-key.pem"),
                ("--trusted-ca-file", "ca.pem"),
            ] {
                command.arg(option).arg(self.dir.path().join(file));
            }
            command.arg("--client-cert-auth");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("etcd: install etcd-server");
        let stderr = child.stderr.take().expect("a pipe");
        (node.serves, node.child) = (Some(read(stderr, Arc::clone(&node.log))), Some(child));
    }

    /// Waits until a node says that it serves.
    fn wait_for(&self, index: usize) {
        let Node { serves, log, .. } = &self.nodes[index];
        let serves = serves.as_ref().map(|serves| serves.recv_timeout(START_LIMIT));
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(matches!(serves, Some(Ok(()))), "etcd does not serve:\n{log}");
    }
}

/// Reads what etcd says to its end, and tells when it serves.
fn read(stderr: ChildStderr, log: Arc<Mutex<String>>) -> Receiver<()> {
    let (sender, serves) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let ready = line.contains("ready to serve client requests");
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
            drop(log);
            if ready {
                let _nobody_waits = sender.send(());
            }
        }
    });
    serves
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for node in 0..self.nodes.len() {
            self.kill(node);
        }
    }
}
