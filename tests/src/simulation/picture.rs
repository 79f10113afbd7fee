//! Lines over time and bars, as SVG.

use plotters::coord::Shift;
use plotters::prelude::*;

/// Lines over seconds.
#[derive(Debug)]
pub struct Chart {
    /// What the figures are.
    pub title: &'static str,
    /// Each with its name: a figure for each second from 0 on.
    pub lines: Vec<(&'static str, Vec<usize>)>,
}

const COLORS: [RGBColor; 6] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(60, 60, 60),
];
const WRITES: &str = "a string takes everything";
const WIDTH: i32 = 900;
const HEIGHT: usize = 320;

/// A picture of charts, one below the other. Whole numbers go in, so it is the same everywhere.
///
/// # Panics
/// Never: a text takes everything.
pub fn svg(charts: &[Chart]) -> String {
    let mut text = String::new();
    let root = canvas(&mut text, HEIGHT * charts.len());
    root.fill(&WHITE).expect(WRITES);
    for (area, chart) in root.split_evenly((charts.len(), 1)).iter().zip(charts) {
        chart.draw(area);
    }
    drop(root);
    text
}

/// An empty picture of that height.
fn canvas(text: &mut String, height: usize) -> DrawingArea<SVGBackend<'_>, Shift> {
    let height = u32::try_from(height).expect("a picture that fits");
    SVGBackend::with_string(text, (WIDTH.unsigned_abs(), height)).into_drawing_area()
}

impl Chart {
    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) {
        let seconds = self.lines.iter().map(|(_, line)| line.len()).max().unwrap_or(0);
        let most = self.lines.iter().flat_map(|(_, line)| line).max().copied().unwrap_or(0);
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(24)
            .y_label_area_size(56)
            .build_cartesian_2d(0..seconds, 0..most + most / 10 + 1)
            .expect("a range");
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_label_formatter(&|second| format!("{second} s"))
            .draw()
            .expect(WRITES);
        for ((name, line), color) in self.lines.iter().zip(COLORS.iter().cycle()) {
            let points = line.iter().enumerate().map(|(second, figure)| (second, *figure));
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(2)))
                .expect(WRITES)
                .label(*name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .label_font(("sans-serif", 13))
            .draw()
            .expect(WRITES);
    }
}

/// Height of a bar, and width of the names beside them.
const BAR: i32 = 9;
const NAMES: i32 = 400;

/// A picture of groups of bars: a bar for each of `names` in each of `rows`, from 0 to 100 %, in
/// hundredths of a percent.
///
/// # Panics
/// Never: a text takes everything.
pub fn bars(title: &str, names: &[&str], rows: &[(String, Vec<Option<u64>>)]) -> String {
    let mut text = String::new();
    let step = BAR * i32::try_from(names.len()).expect("a few names") + 10;
    let root = canvas(&mut text, 70 + step.unsigned_abs() as usize * rows.len());
    root.fill(&WHITE).expect(WRITES);
    let write = |what: String, at: (i32, i32), size: i32| {
        root.draw(&Text::new(what, at, ("sans-serif", size))).expect(WRITES);
    };
    let bar = |from: (i32, i32), width: i32, color: &RGBColor| {
        let corners = [from, (from.0 + width, from.1 + BAR - 1)];
        root.draw(&Rectangle::new(corners, color.filled())).expect(WRITES);
    };
    write(title.to_owned(), (10, 8), 16);
    for (index, (name, color)) in (0..).zip(names.iter().zip(COLORS.iter().cycle())) {
        bar((10 + 150 * index, 38), 16, color);
        write((*name).to_owned(), (32 + 150 * index, 36), 13);
    }
    for (row, (name, values)) in (0..).zip(rows) {
        let top = 64 + step * row;
        write(name.clone(), (10, top + step / 2 - 12), 13);
        for (index, (value, color)) in (0..).zip(values.iter().zip(COLORS.iter().cycle())) {
            let y = top + BAR * index;
            let share = i32::try_from(value.unwrap_or(0)).expect("a share");
            let width = share * (WIDTH - NAMES - 60) / 10_000;
            bar((NAMES, y), width.max(1), color);
            let figure = value.map_or("-".to_owned(), |value| super::decimal(value, 100, 2));
            write(figure, (NAMES + width + 5, y - 1), 9);
        }
    }
    drop(root);
    text
}
