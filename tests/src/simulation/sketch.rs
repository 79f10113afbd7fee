//! Tables as they are committed, drawn as SVG: a bar beside each number.

use core::fmt::Write;
use core::ops::Range;

/// What a bar is as long as its number is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The largest of its column: rows are compared.
    Columns,
    /// The largest of its row: columns are compared. Rows of zeros are left out.
    Rows,
}

const LINE: usize = 16;
const LETTER: usize = 7;
const CELL: usize = 130;
const BAR: usize = 70;

/// A table of a text.
struct Parsed<'a> {
    title: &'a str,
    heads: Vec<&'a str>,
    rows: Vec<Vec<&'a str>>,
}

/// Draws all tables of a text: with a line of dashes under the heads, or without, where no entry is
/// empty.
///
/// # Panics
/// Never: a text takes everything.
pub fn sketch(text: &str, scale: Scale) -> String {
    let tables = parse(text);
    let (mut drawn, mut y, mut width) = (String::new(), LINE, 0);
    for table in &tables {
        let is_number = |column: usize| {
            let mut entries = table.rows.iter().filter_map(|row| row.get(column));
            entries.any(|entry| number(entry).is_some())
                && table.heads.get(column).is_some_and(|head| *head != "must")
        };
        let columns = 0..table.heads.len();
        let (numbers, words): (Vec<_>, Vec<_>) = columns.partition(|column| is_number(*column));
        let letters = |column: &usize| {
            let entries = table.rows.iter().map(|row| row[*column]).chain([table.heads[*column]]);
            entries.map(|entry| entry.chars().count()).max().unwrap_or(0)
        };
        let mut x = 10;
        let places: Vec<usize> = words
            .iter()
            .map(|column| {
                let place = x;
                x += (letters(column) + 2) * LETTER;
                place
            })
            .collect();
        let first = x;
        width = width.max(first + numbers.len() * CELL);
        put(&mut drawn, 10, y, "b", table.title);
        y += LINE + 4;
        for (column, place) in words.iter().zip(&places) {
            put(&mut drawn, *place, y, "h", table.heads[*column]);
        }
        for (index, column) in numbers.iter().enumerate() {
            put(&mut drawn, first + index * CELL, y, "h", table.heads[*column]);
        }
        y += LINE;
        let most = |column: usize, row: &[&str]| match scale {
            Scale::Columns => largest(table.rows.iter().map(|row| row[column])),
            Scale::Rows => largest(numbers.iter().map(|column| row[*column])),
        };
        let mut named = "";
        for row in &table.rows {
            named = if row[words[0]].is_empty() { named } else { row[words[0]] };
            if scale == Scale::Rows && most(0, row) == 0 {
                continue;
            }
            for (column, place) in words.iter().zip(&places) {
                let word = if *column == words[0] { named } else { row[*column] };
                put(&mut drawn, *place, y, "w", word);
            }
            for (index, column) in numbers.iter().enumerate() {
                let Some(value) = number(row[*column]) else {
                    put(&mut drawn, first + index * CELL, y, "n", row[*column]);
                    continue;
                };
                let most = most(*column, row).max(1);
                let (x, long) = (first + index * CELL, (value * BAR as u64 / most) as usize);
                let last = numbers.len() == index + 1;
                let class = if last && scale == Scale::Rows { "o" } else { "r" };
                let top = y - 9;
                if long > 0 {
                    let rect = format!("x=\"{x}\" y=\"{top}\" width=\"{long}\" height=\"10\"");
                    writeln!(drawn, "<rect class=\"{class}\" {rect}/>").expect("room");
                }
                put(&mut drawn, x + long + 4, y, "n", row[*column]);
            }
            y += LINE;
        }
        y += LINE;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{y}\">\n<style>\
         text{{font:11px sans-serif}}.b{{font-size:13px;font-weight:bold}}.h{{fill:#666}}\
         .n{{fill:#333;font-size:10px}}.r{{fill:#56b4e9}}.o{{fill:#d55e00}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{drawn}</svg>\n"
    )
}

fn put(drawn: &mut String, x: usize, y: usize, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    if !text.is_empty() {
        writeln!(drawn, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>").expect("room");
    }
}

/// The number of an entry, in thousandths.
fn number(entry: &str) -> Option<u64> {
    let (whole, part) = entry.split_once('.').unwrap_or((entry, ""));
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if part.is_empty() { 0 } else { format!("{part:0<3}")[..3].parse().ok()? };
    whole.checked_mul(1_000)?.checked_add(part)
}

fn largest<'a>(entries: impl Iterator<Item = &'a str>) -> u64 {
    entries.filter_map(number).max().unwrap_or(0)
}

/// Where the columns of a line are: two spaces or more are between them.
fn columns(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    for part in line.split("  ") {
        let end = from + part.len();
        let start = end - part.trim_start().len();
        if start < end {
            found.push(start..end);
        }
        from = end + 2;
    }
    found
}

fn entries(line: &str) -> Vec<&str> {
    columns(line).into_iter().filter_map(|range| line.get(range)).map(str::trim).collect()
}

/// Takes the entries of a line between those of dashes.
fn cut<'a>(line: &'a str, dashes: &[Range<usize>]) -> Vec<&'a str> {
    let part = |range: &Range<usize>| {
        let byte =
            |letter: usize| line.char_indices().nth(letter).map_or(line.len(), |(byte, _)| byte);
        line.get(byte(range.start)..byte(range.end)).unwrap_or("").trim()
    };
    dashes.iter().map(part).collect()
}

/// Tells that nothing stands between the columns.
fn is_cut(line: &str, dashes: &[Range<usize>]) -> bool {
    let between = |pair: &[Range<usize>]| match pair {
        [a, b] => line.chars().take(b.start).skip(a.end).all(|letter| letter == ' '),
        _ => true,
    };
    dashes.windows(2).all(between)
}

fn parse(text: &str) -> Vec<Parsed<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut tables, mut at, mut title) = (Vec::new(), 0, "");
    while let (Some(&line), Some(&next)) = (lines.get(at), lines.get(at + 1)) {
        let dashed = next.starts_with("--") && next.contains("  --");
        let heads = entries(line);
        let bare = heads.len() > 2
            && entries(next).len() == heads.len()
            && entries(next).iter().any(|entry| number(entry).is_some());
        if !dashed && !bare {
            // The first line of a paragraph that is no list.
            let begins = at == 0 || lines[at - 1].is_empty();
            if begins && !line.is_empty() && !line.contains("   ") {
                title = line;
            }
            at += 1;
            continue;
        }
        let dashes = columns(next);
        let of = |line| if dashed { cut(line, &dashes) } else { entries(line) };
        let heads = of(line);
        at += if dashed { 2 } else { 1 };
        let mut rows = Vec::new();
        while let Some(&line) = lines.get(at) {
            let row = of(line);
            let numbers = row.iter().any(|entry| number(entry).is_some());
            let fits = row.len() == heads.len() && (!dashed || is_cut(line, &dashes));
            if !(line.is_empty() || numbers && fits) {
                break;
            }
            if !line.is_empty() {
                rows.push(row);
            }
            at += 1;
        }
        let title = if dashed { title } else { lines[0] };
        tables.push(Parsed { title, heads, rows });
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_with_dashes_and_without() {
        let first =
            "First\n\nwho  what   lost\n---  -----  ----\na    x < y   1.5\n     z       3.0\n";
        let second = "Second\n\nwho     lost  back\nb, c     0.0   1.0\n";
        let text = &format!("Head\n====\n\n{first}\n{second}");
        let tables = parse(text);
        let titles: Vec<_> = tables.iter().map(|table| table.title).collect();
        assert_eq!(titles, ["First", "Head"]);
        assert_eq!(tables[0].rows, [["a", "x < y", "1.5"], ["", "z", "3.0"]]);
        assert_eq!(tables[1].heads, ["who", "lost", "back"]);
        let drawn = sketch(text, Scale::Columns);
        assert!(
            drawn.contains("x &lt; y") && drawn.contains("width=\"35\" height=\"10\"/>"),
            "{drawn}"
        );
        assert_eq!(number("12.34"), Some(12_340));
    }
}
