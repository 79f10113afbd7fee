//! Looks at the directories that the file depends on.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// A watch over the directory of the file and, where the file is a symbolic link, over that of the
/// file it leads to.
#[derive(Debug)]
pub(super) struct DirWatcher {
    dirs: BTreeSet<Dir>,
    /// Where the path led to when it was last read.
    real: Arc<Mutex<Option<PathBuf>>>,
    _watcher: RecommendedWatcher,
}

/// A directory, told from another that is later in its place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Dir {
    path: PathBuf,
    id: (u64, u64),
}

impl DirWatcher {
    /// Looks at the file's directories from now on, through `watcher` if it does so already; not
    /// at all, where that cannot be.
    pub(super) fn on(path: &Path, watcher: Option<Self>, news: &Arc<Notify>) -> Option<Self> {
        let real = fs::canonicalize(path).ok();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let dirs = [Some(parent), real.as_deref().and_then(Path::parent)];
        let dirs: BTreeSet<_> = dirs.into_iter().flatten().filter_map(Dir::of).collect();
        if let Some(watcher) = watcher.filter(|watcher| watcher.dirs == dirs) {
            *watcher.real.lock().unwrap_or_else(PoisonError::into_inner) = real;
            return Some(watcher);
        }
        let named = [Some(path), real.as_deref()].into_iter().flatten();
        let names = named.filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
        let real = Arc::new(Mutex::new(real));
        let filter = Filter {
            path: path.to_owned(),
            real: Arc::clone(&real),
            dirs: dirs.iter().map(|dir| dir.path.clone()).collect(),
            names,
        };
        let watched = filter.watch(Arc::clone(news));
        match watched {
            Ok(watcher) => (!dirs.is_empty()).then_some(Self { dirs, real, _watcher: watcher }),
            Err(error) => {
                let path = path.display();
                tracing::warn!(%error, "{path} cannot be watched: it is read again and again");
                None
            }
        }
    }
}

impl Dir {
    fn of(path: &Path) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        let id = id(&fs::metadata(&path).ok()?);
        Some(Self { path, id })
    }
}

#[cfg(unix)]
fn id(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn id(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}

/// Tells what happens to the file from what else happens beside it.
struct Filter {
    path: PathBuf,
    real: Arc<Mutex<Option<PathBuf>>>,
    dirs: Vec<PathBuf>,
    names: Vec<OsString>,
}

impl Filter {
    fn watch(self, news: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
        let dirs = self.dirs.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // What the watcher missed may be about the file.
            if event.map_or(true, |event| self.concerns(&event)) {
                news.notify_one();
            }
        })?;
        for dir in dirs {
            watcher.watch(&dir, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    }

    fn concerns(&self, event: &Event) -> bool {
        // To read it makes events, too.
        if let EventKind::Access(access) = event.kind
            && access != AccessKind::Close(AccessMode::Write)
        {
            return false;
        }
        let named = |path: &PathBuf| {
            self.dirs.contains(path)
                || path.file_name().is_some_and(|name| self.names.iter().any(|own| own == name))
        };
        event.need_rescan() || event.paths.iter().any(named) || self.leads_elsewhere()
    }

    /// Tells that the path leads to another file than when it was read: a symbolic link was
    /// replaced on the way.
    fn leads_elsewhere(&self) -> bool {
        let real = self.real.lock().unwrap_or_else(PoisonError::into_inner);
        fs::canonicalize(&self.path).ok() != *real
    }
}
