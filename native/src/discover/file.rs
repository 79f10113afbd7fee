//! Endpoints from a file that is watched.

mod content;
mod error;
mod watcher;

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

pub use self::error::FileError;
use self::watcher::DirWatcher;
use super::{Answer, Discover, Ended};
use crate::aside::done;
use crate::target::Target;

/// The file is read again after so long, for what no watcher can see: a directory above it that is
/// replaced, or a change on another machine.
const AGAIN: Duration = Duration::from_secs(30);
/// And after so long where it cannot be watched.
const UNSEEN: Duration = Duration::from_secs(2);
/// A writer that does not replace the file takes several steps: it is read when they have ended for
/// so long, …
const QUIET: Duration = Duration::from_millis(30);
/// … or when there were so many.
const STEPS: usize = 10;

/// Who watches from then on, and what is in the file.
type Looked = (Option<DirWatcher>, Result<Vec<Endpoint<Target>>, FileError>);

/// Reads endpoints from a file, and reads it again when it changes.
///
/// A name that ends in `.toml` means TOML, any other JSON. In JSON it is a list, of targets or of
/// objects; all but the target may be left out:
///
/// ```json
/// [
///     "10.0.0.1:80",
///     {"target": "b.test:80", "weight": 2, "priority": 1, "zone": 3, "draining": true}
/// ]
/// ```
///
/// In TOML the list is called `endpoints`:
///
/// ```toml
/// endpoints = ["10.0.0.1:80", { target = "10.0.0.2:80", weight = 2 }]
/// ```
///
/// Replacing the file by renaming another, or a symbolic link to it as Kubernetes does, is seen
/// within a moment. A writer that does not replace it may be read halfway; then JSON is bad until
/// it is done, and TOML may be a shorter list, so replace such a file as a whole. Bad content, or
/// no file, is an error that names the place, and the endpoints known so far stay; so they do if
/// the list is empty. The file is read outside of async threads, up to 64 MiB.
///
/// ```
/// use evenkeel::{Balancer, File, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("evenkeel-{}.json", std::process::id()));
/// std::fs::write(&path, r#"["10.0.0.1:80"]"#)?;
/// let balancer = Balancer::builder(File::new(&path))
///     .build(async |target: Target| Ok::<_, &str>(target))?;
/// balancer.ready().await;
/// assert_eq!(balancer.pick()?.target().to_string(), "10.0.0.1:80");
/// # std::fs::remove_file(&path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    news: Arc<Notify>,
    watcher: Option<DirWatcher>,
    /// A look that was given up, as disks can hang, and is not over. There is one at a time.
    looking: Option<JoinHandle<Looked>>,
    /// There are news that were not looked up.
    changed: bool,
}

impl File {
    /// Names the file, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            news: Arc::default(),
            watcher: None,
            looking: None,
            changed: false,
        }
    }
}

impl Discover for File {
    type Error = FileError;

    async fn lookup(&mut self) -> Result<Answer, FileError> {
        self.changed = false;
        let Self { path, news, watcher, looking, .. } = self;
        if let Some(given_up) = looking {
            let looked = given_up.await;
            *looking = None;
            // What it saw may be from before the question: that it watches is of use.
            (*watcher, _) = done(looked).await;
        }
        let (path, before, news) = (path.clone(), watcher.take(), Arc::clone(news));
        // Disks are slow.
        let look = spawn_blocking(move || {
            // Watched first: what changes while it is read is news.
            let watcher = DirWatcher::on(&path, before, &news);
            (watcher, content::read(&path))
        });
        let looked = looking.insert(look).await;
        *looking = None;
        let (watched, endpoints) = done(looked).await;
        let ttl = if watched.is_some() { AGAIN } else { UNSEEN };
        *watcher = watched;
        Ok(Answer::new(endpoints?).with_ttl(ttl))
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        if !self.changed {
            self.news.notified().await;
            self.changed = true;
        }
        for _ in 0..STEPS {
            if timeout(QUIET, self.news.notified()).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Reading a file costs little.
    fn poller(&self) -> PollerConfig {
        let second = Duration::from_secs(1);
        PollerConfig { min: second, backoff_max: 5 * second, ..PollerConfig::default() }
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_is_looked_at_by_one_thread() {
        static LOOKS: AtomicUsize = AtomicUsize::new(0);
        let (go_on, hung) = mpsc::channel::<()>();
        let mut file = File::new("/nowhere/list.json");
        file.looking = Some(spawn_blocking(move || {
            LOOKS.fetch_add(1, SeqCst);
            let _ = hung.recv();
            (None, Ok(vec![Endpoint::new("a:1".parse().unwrap())]))
        }));
        for _ in 0..3 {
            assert!(timeout(Duration::from_millis(10), file.lookup()).await.is_err());
        }
        go_on.send(()).unwrap();
        // What it says in the end is of before.
        assert!(file.lookup().await.unwrap_err().to_string().contains("/nowhere/list.json"));
        assert_eq!(LOOKS.load(SeqCst), 1);
    }
}
