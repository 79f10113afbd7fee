use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use hyper::header::HeaderMap;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::super::{Ask, Client, Feed};
use super::*;
use crate::abort::AbortOnDrop;
use crate::discover::url::Url;

const LINES: u64 = 100;

/// Where the set was told.
type Threads = Arc<Mutex<Vec<ThreadId>>>;

/// A registry of numbers, each of which is a line of a watch.
struct Numbers {
    url: Url,
    size: usize,
    known: u64,
    told: Threads,
}

impl Watched for Numbers {
    type Cursor = u64;
    type List = Answer;
    type Events = ();

    async fn list(&mut self) -> Result<(u64, Answer), Fault> {
        Ok((0, Answer::default()))
    }

    async fn watch(&mut self, _: &u64) -> Result<Reply, Fault> {
        let ask = Ask {
            method: hyper::Method::GET,
            url: self.url.clone(),
            headers: HeaderMap::new(),
            body: String::new(),
        };
        Ok(Client::default().send(ask).await?)
    }

    fn read(&mut self, at: &str, line: &[u8]) -> Result<News<u64, ()>, Fault> {
        let number = core::str::from_utf8(line).ok().and_then(|text| text.trim().parse().ok());
        let reason = || RegistryError::Watch { at: at.to_owned(), reason: "bad".to_owned() };
        let number = number.ok_or_else(reason)?;
        Ok(News::Events { cursor: number, events: () })
    }

    fn replace(&mut self, _: Answer) {
        self.known = 0;
    }

    fn apply(&mut self, (): ()) {
        self.known += 1;
    }

    fn size(&self) -> usize {
        self.size
    }

    /// How many are known is its life.
    fn answer(&self) -> Answer {
        self.told.lock().unwrap().push(thread::current().id());
        Answer::default().with_ttl(Duration::from_secs(self.known))
    }

    fn at(&self) -> String {
        "numbers".to_owned()
    }
}

/// Follows numbers that come at once; returns where the set was told until all were known.
async fn told(size: usize) -> Vec<ThreadId> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::new(&format!("http://{}", listener.local_addr().unwrap())).ok().unwrap();
    let _server = AbortOnDrop(
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let lines: Vec<_> = (1..=LINES).map(|number| number.to_string()).collect();
            let answer = format!("HTTP/1.1 200 OK\r\n\r\n{}\n", lines.join("\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
            core::future::pending::<()>().await;
        })
        .abort_handle(),
    );
    let told = Threads::default();
    let numbers = || Numbers { url: url.clone(), size, known: 0, told: Arc::clone(&told) };
    let mut feed = Feed::default();
    loop {
        let task = |mouth| follow(numbers(), ListWatchConfig::default(), mouth);
        let answer = feed.lookup(task).await.unwrap();
        if answer.ttl == Some(Duration::from_secs(LINES)) {
            return told.lock().unwrap().clone();
        }
        feed.changed().await.unwrap();
    }
}

#[tokio::test]
async fn what_comes_together_is_told_once_and_aside_if_it_is_long() {
    let here = thread::current().id();
    assert_eq!(told(LONG).await, [here; 2]);
    let told = told(LONG + 1).await;
    assert!(told.len() == 2 && told[1] != here, "{told:?}");
}
