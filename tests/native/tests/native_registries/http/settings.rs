//! What cannot be asked is refused at once; secrets are in no text.

use super::*;

const SECRET: &str = "hunter2-very-secret";

#[test]
fn urls_that_cannot_be_asked_are_refused() {
    for (url, says) in [
        ("", "'': it is no URL"),
        ("list.json", "'list.json': it begins neither with http:// nor with https://"),
        ("ftp://a.test/x", "'ftp://a.test/x': it begins neither with http:// nor with https://"),
        ("http://", "'http://': it is no URL"),
        ("http://a.test:0/", "'http://a.test:0/': its port is not one"),
        ("http://a.test:99999/", "'http://a.test:99999/': its port is not one"),
        ("http://a.test:/", "'http://a.test:/': its port is not one"),
        ("http://a b/", "'http://a b/': it is no URL"),
    ] {
        assert_eq!(HttpList::new(url).unwrap_err().to_string(), says);
    }
    for url in
        ["http://user:hunter2-very-secret@a.test/", "http://a.test:x/?key=hunter2-very-secret"]
    {
        let said = HttpList::new(url).unwrap_err().to_string();
        assert!(!said.contains(SECRET), "{said}");
    }
    for url in ["http://[::1]:80/x", "https://a.test", "http://a.test/?b=c", "http://10.0.0.1:8080"]
    {
        HttpList::new(url).unwrap();
    }
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let http = || HttpList::new("http://a.test").unwrap();
    let zero = evenkeel::LongPollConfig { wait: Duration::ZERO, ..quick() };
    assert_eq!(
        http().with_config(zero).unwrap_err().to_string(),
        "`LongPollConfig`: `wait` is 0: it must be above 0"
    );
    assert_eq!(
        http().with_header("a b", "c").unwrap_err().to_string(),
        "`header`: 'a b' is no name of a header"
    );
    let error = http().with_bearer("hunter2-very-secret\n").unwrap_err().to_string();
    assert_eq!(error, "`header`: 20 bytes with some that no header may have");
}

#[tokio::test]
async fn secrets_are_sent_and_never_shown() {
    let web = Web::start(|_, asked, answering| async move {
        // It says what it was told.
        let told = format!("{} {}", asked.headers["authorization"], asked.headers["x-key"]);
        answering.whole(401, "", &told).await
    })
    .await;
    let source = HttpList::new(&format!("{}/list?key={SECRET}", web.url)).unwrap();
    let source = source.with_bearer(SECRET).unwrap().with_header("X-Key", "other-secret").unwrap();
    let shown = format!("{source:?}");
    assert!(!shown.contains("other-secret") && !shown.contains(SECRET), "{shown}");
    let bed = bed(source);
    let said = error(&bed).await;
    assert_eq!(said, format!("{}/list: status 401: Bearer *** ***", web.url));
    let shown = format!("{:?}", bed.discovery().borrow());
    assert!(!shown.contains(SECRET) && !shown.contains("other-secret"), "{shown}");
    let asked = web.asked_times(1).await;
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {SECRET}"));
    assert_eq!(asked[0].headers["x-key"], "other-secret");
}
