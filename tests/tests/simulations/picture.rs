//! Lines over time, as SVG.

use plotters::prelude::*;

/// Lines over seconds.
pub(crate) struct Chart {
    /// What the figures are.
    pub(crate) title: &'static str,
    /// Each with its name: a figure for each second from 0 on.
    pub(crate) lines: Vec<(&'static str, Vec<usize>)>,
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
const WIDTH: u32 = 900;
const HEIGHT: u32 = 320;

/// A picture of charts, one below the other. Whole numbers go in, so it is the same everywhere.
pub(crate) fn svg(charts: &[Chart]) -> String {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT * charts.len() as u32))
        .into_drawing_area();
    root.fill(&WHITE).expect(WRITES);
    for (area, chart) in root.split_evenly((charts.len(), 1)).iter().zip(charts) {
        chart.draw(area);
    }
    drop(root);
    text
}

impl Chart {
    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) {
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
