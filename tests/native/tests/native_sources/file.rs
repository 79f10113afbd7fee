//! A file as a source: what changes in its directory is seen, and what is bad changes nothing.
//!
//! Real files, so real time: each change is waited for.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use evenkeel::{Balancer, File, SourceHealth};
use tempfile::TempDir;

use crate::{Bed, becomes, bed, error, known, status, tasks, tasks_become};

/// A file in a directory of its own, and a balancer over it.
pub(crate) struct Scene {
    pub(crate) bed: Bed,
    pub(crate) file: PathBuf,
    dir: TempDir,
}

impl Scene {
    pub(crate) fn new(name: &str, content: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join(name);
        fs::write(&file, content).unwrap();
        Self { bed: bed(File::new(&file)), file, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Replaces the file as a careful writer does.
    fn rename(&self, content: &str) {
        fs::write(self.path("new"), content).unwrap();
        fs::rename(self.path("new"), &self.file).unwrap();
    }
}

/// Less than the time after which a file is read again in any case.
async fn soon<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(15), wait).await.expect("it is seen, not read again")
}

#[tokio::test]
async fn a_file_that_is_replaced_is_read_again() {
    let scene = Scene::new("list.json", r#"["a:1"]"#);
    becomes(&scene.bed, "a:1").await;
    for port in 2..20 {
        scene.rename(&format!(r#"["a:{port}"]"#));
        soon(becomes(&scene.bed, &format!("a:{port}"))).await;
    }
}

#[tokio::test]
async fn a_file_that_is_written_over_is_read_again() {
    let scene = Scene::new("list.json", r#"["a:1"]"#);
    becomes(&scene.bed, "a:1").await;
    for port in 2..10 {
        // The same length each time.
        fs::write(&scene.file, format!(r#"["a:{port}"]"#)).unwrap();
        soon(becomes(&scene.bed, &format!("a:{port}"))).await;
    }
}

/// Tells that somebody watches a directory.
#[cfg(target_os = "linux")]
fn is_watched(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = format!(" ino:{:x} ", fs::metadata(dir).unwrap().ino());
    // A file may be closed meanwhile.
    let watches = |info: fs::DirEntry| fs::read_to_string(info.path()).unwrap_or_default();
    let mut open = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    open.any(|info| {
        watches(info).lines().any(|line| line.starts_with("inotify") && line.contains(&inode))
    })
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_dropped_balancer_leaves_no_watch_and_no_task() {
    let before = tasks();
    // At rest, and at different steps of its first look.
    for steps in [None, Some(0), Some(1), Some(2), Some(5), Some(20)] {
        let Scene { bed, dir, .. } = Scene::new("list.json", r#"["a:1"]"#);
        match steps {
            None => {
                becomes(&bed, "a:1").await;
                assert!(is_watched(dir.path()) && tasks() > before);
            }
            Some(steps) => {
                for _ in 0..steps {
                    tokio::task::yield_now().await;
                }
            }
        }
        drop(bed);
        tasks_become(before).await;
        let ends = async {
            while is_watched(dir.path()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(crate::PATIENCE, ends).await.expect("nobody watches any more");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_symbolic_link_that_is_swapped_is_followed() {
    use std::os::unix::fs::symlink;
    // As Kubernetes mounts a ConfigMap: list.json -> ..data/list.json, ..data -> ..1.
    let dir = TempDir::new().unwrap();
    let version = |number: u32| {
        let name = format!("..{number}");
        fs::create_dir(dir.path().join(&name)).unwrap();
        fs::write(dir.path().join(&name).join("list.json"), format!(r#"["a:{number}"]"#)).unwrap();
        symlink(&name, dir.path().join("..tmp")).unwrap();
        fs::rename(dir.path().join("..tmp"), dir.path().join("..data")).unwrap();
    };
    version(1);
    let file = dir.path().join("list.json");
    symlink("..data/list.json", &file).unwrap();
    let bed = bed(File::new(&file));
    becomes(&bed, "a:1").await;
    for number in 2..10 {
        version(number);
        soon(becomes(&bed, &format!("a:{number}"))).await;
        fs::remove_dir_all(dir.path().join(format!("..{}", number - 1))).unwrap();
    }
    assert_eq!(bed.discovery().borrow().failures, 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_a_link_leads_to_is_watched_where_it_is() {
    let (links, scene) = (TempDir::new().unwrap(), Scene::new("real.json", r#"["a:1"]"#));
    let link = links.path().join("list.json");
    std::os::unix::fs::symlink(&scene.file, &link).unwrap();
    let bed = bed(File::new(&link));
    becomes(&bed, "a:1").await;
    scene.rename(r#"["a:2"]"#);
    soon(becomes(&bed, "a:2")).await;
}

#[tokio::test]
async fn a_deleted_file_changes_nothing_and_is_read_when_it_is_back() {
    let scene = Scene::new("list.json", r#"["a:1"]"#);
    becomes(&scene.bed, "a:1").await;
    fs::remove_file(&scene.file).unwrap();
    let text = soon(error(&scene.bed)).await;
    assert!(text.starts_with(&format!("{}: ", scene.file.display())), "{text}");
    assert!(text.contains("No such file") || text.contains("cannot find"), "{text}");
    assert_eq!(known(&scene.bed), "a:1");
    assert!(matches!(scene.bed.discovery().borrow().health, SourceHealth::Stale { .. }));
    fs::write(&scene.file, r#"["a:2"]"#).unwrap();
    soon(becomes(&scene.bed, "a:2")).await;
    assert!(scene.bed.discovery().borrow().error.is_none());
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_watched_anew() {
    let dir = TempDir::new().unwrap();
    let (etc, file) = (dir.path().join("etc"), dir.path().join("etc/list.json"));
    let bed = bed(File::new(&file));
    soon(error(&bed)).await;
    for port in 1..4 {
        fs::create_dir(&etc).unwrap();
        fs::write(&file, format!(r#"["a:{port}"]"#)).unwrap();
        // It is looked for every 5 s, and watched from then on.
        soon(becomes(&bed, &format!("a:{port}"))).await;
        fs::write(&file, format!(r#"["b:{port}"]"#)).unwrap();
        soon(becomes(&bed, &format!("b:{port}"))).await;
        fs::remove_dir_all(&etc).unwrap();
        soon(error(&bed)).await;
    }
}

#[tokio::test]
async fn what_else_happens_in_the_directory_is_no_news() {
    let scene = Scene::new("list.json", r#"["a:1"]"#);
    becomes(&scene.bed, "a:1").await;
    let queries = scene.bed.discovery().borrow().queries;
    for number in 0..100 {
        fs::write(scene.path(&format!("other-{number}")), "other").unwrap();
        fs::read(&scene.file).unwrap();
    }
    // What happened before was seen before.
    scene.rename(r#"["a:2"]"#);
    soon(becomes(&scene.bed, "a:2")).await;
    let more = scene.bed.discovery().borrow().queries - queries;
    assert!(more <= 2, "read {more} times");
}

#[tokio::test]
async fn an_empty_list_is_not_believed() {
    let scene = Scene::new("list.json", r#"["a:1"]"#);
    becomes(&scene.bed, "a:1").await;
    scene.rename("[]");
    let empty = soon(status(&scene.bed, |status| status.empty_held > 0)).await;
    assert!(empty.error.is_none());
    assert_eq!(known(&scene.bed), "a:1");
    scene.rename(r#"["a:2"]"#);
    soon(becomes(&scene.bed, "a:2")).await;
}

#[tokio::test]
async fn a_writer_that_takes_its_time_is_an_error_until_it_is_done() {
    let scene = Scene::new("list.json", r#"["a:1", "b:1"]"#);
    becomes(&scene.bed, "a:1 b:1").await;
    fs::write(&scene.file, r#"["a:1", "b:"#).unwrap();
    let text = soon(error(&scene.bed)).await;
    assert!(text.ends_with("list.json:1:11: EOF while parsing a string"), "{text}");
    assert_eq!(known(&scene.bed), "a:1 b:1");
    fs::write(&scene.file, r#"["a:1", "b:2"]"#).unwrap();
    soon(becomes(&scene.bed, "a:1 b:2")).await;
}

#[tokio::test]
async fn ten_thousand_endpoints_arrive() {
    let list = |host: &str| {
        let targets: Vec<_> = (1..=10_000).map(|port| format!("\"{host}:{port}\"")).collect();
        format!("[{}]", targets.join(",\n"))
    };
    let scene = Scene::new("list.json", &list("a"));
    scene.bed.ready().await;
    assert_eq!(scene.bed.endpoints().len(), 10_000);
    scene.rename(&list("b"));
    let all_new = async {
        let new = |bed: &Balancer<_, _>| bed.endpoints().iter().all(|e| e.target.host() == "b");
        while !new(&scene.bed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(all_new).await;
    assert_eq!(scene.bed.endpoints().len(), 10_000);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_refused() {
    let dir = TempDir::new().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [dir.path(), &pipe, Path::new("/dev/null")] {
        let text = error(&bed(File::new(path))).await;
        assert_eq!(text, format!("{}: not a regular file", path.display()));
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused() {
    let scene = Scene::new("list.json", r#"["a:1"]"#);
    becomes(&scene.bed, "a:1").await;
    let file = fs::File::create(scene.path("new")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    fs::rename(scene.path("new"), &scene.file).unwrap();
    let text = soon(error(&scene.bed)).await;
    assert!(text.ends_with("list.json: larger than 67108864 bytes"), "{text}");
    assert_eq!(known(&scene.bed), "a:1");
}
