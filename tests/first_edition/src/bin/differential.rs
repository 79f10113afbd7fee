//! Lives through random scripts with both editions: `differential [REPORTS [BOOK LIFE]]`.
//!
//! Prints what happened, and fails where the two do not do the same. As many reports as
//! `tests/tables/first_edition.txt` has are compared with it; `EVENKEEL_BLESS=1` writes it. With a
//! book and the number of a life, only that one is lived.

use std::process::ExitCode;
use std::{env, fs, thread};

use evenkeel_editions::life::{Clash, live};
use evenkeel_editions::script::{Book, Script, script};
use evenkeel_editions::second::{self, AGREEMENT, DIFFERENCES};
use evenkeel_editions::shrink::shrink;
use evenkeel_editions::tally::{Tally, table};

/// The reports after which the table shows how it stands.
const STEPS: [u64; 1] = [1_000_000];

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tables/first_edition.txt");

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number =
        |index: usize| arguments.get(index).map(|text| text.parse::<u64>().expect("a number"));
    // The first difference of each thread is told, panics as well.
    std::panic::set_hook(Box::new(|_| {}));
    if let (Some(name), Some(life)) = (arguments.get(1), number(2)) {
        let book =
            Book::ALL.into_iter().find(|book| book.name() == name).expect("off, envoy or grpc");
        return one(book, life);
    }
    let most = number(0).unwrap_or(STEPS[0]);
    let mut steps: Vec<u64> = STEPS.into_iter().filter(|step| *step <= most).collect();
    if !steps.contains(&most) {
        steps.push(most);
    }
    let books = thread::scope(|scope| {
        let steps = &steps;
        Book::ALL
            .map(|book| scope.spawn(move || all(book, steps)))
            .map(|thread| thread.join().expect("it ends"))
    });
    let (mut text, mut known) = (String::new(), String::new());
    let mut failed = false;
    for (index, step) in steps.iter().enumerate() {
        let columns: Vec<_> = Book::ALL
            .iter()
            .zip(&books)
            .map(|(book, tallies)| {
                failed |= tallies.get(index).is_none();
                (book.name(), tallies.get(index).or(tallies.last()))
            })
            .collect();
        let columns: Vec<_> =
            columns.iter().filter_map(|(name, tally)| Some((*name, (*tally)?))).collect();
        text += &table(&format!("{step} reports and more"), &columns);
        text += "\n";
        if STEPS.contains(step) {
            known.clone_from(&text);
        }
    }
    print!("{text}");
    if failed {
        return ExitCode::FAILURE;
    }
    compare(&known)
}

/// Lives as many lives as give so many reports; tells how it stood at each step that was reached
/// without a difference.
fn all(book: Book, steps: &[u64]) -> Vec<Tally> {
    let (mut sum, mut reached) = (Tally::default(), Vec::new());
    for step in steps {
        while sum.reports < *step {
            let script = script(book, sum.lives, AGREEMENT);
            let keep: Vec<usize> = (0..script.ops.len()).collect();
            let Ok(tally) = live(&script, &keep, &second::make) else {
                tell(book, sum.lives, script);
                return reached;
            };
            sum += &tally;
            sum.lives += 1;
        }
        reached.push(sum.clone());
    }
    reached
}

fn one(book: Book, life: u64) -> ExitCode {
    let script = script(book, life, AGREEMENT);
    let keep: Vec<usize> = (0..script.ops.len()).collect();
    let Ok(tally) = live(&script, &keep, &second::make) else {
        tell(book, life, script);
        return ExitCode::FAILURE;
    };
    print!("{}", table("", &[(book.name(), &tally)]));
    ExitCode::SUCCESS
}

fn tell(book: Book, life: u64, script: Script) {
    let length = script.ops.len();
    let (script, keep, clash) = shrink(script, &second::make);
    let Clash { what, sides: [one, other], op } = clash;
    let steps: Vec<String> =
        keep.iter().map(|index| format!("    {index}: {:?}", script.ops[*index])).collect();
    eprintln!(
        "DIFFERENT: {what}, after step {op}\n  first:  {one}\n  second: {other}\n  \
         in {} of {length} steps of `{} {life}`, {}all at once:\n{}\n  with {:?}",
        keep.len(),
        book.name(),
        if script.prompt { "" } else { "not " },
        steps.join("\n"),
        script.settings,
    );
}

/// With the part of the table that shows as many reports.
fn compare(text: &str) -> ExitCode {
    let differences =
        if DIFFERENCES.is_empty() { "nothing".to_owned() } else { DIFFERENCES.join("\n- ") };
    let whole = format!(
        "What both editions of the core did alike in random lives, each with other settings.\n\
         `tests/run core` compares all of it.\n\n\
         {text}Different by intent:\n- {differences}\n",
    );
    if env::var_os("EVENKEEL_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(TABLE, whole).expect("the table can be written");
        return ExitCode::SUCCESS;
    }
    let known = fs::read_to_string(TABLE).unwrap_or_default();
    if known.contains(text.trim_end()) {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "DIFFERENT from tests/tables/first_edition.txt; \
         if that is meant to be, EVENKEEL_BLESS=1 writes it"
    );
    ExitCode::FAILURE
}
