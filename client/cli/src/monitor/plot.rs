//! Reports as a plot over time: SVG (1.1), written by hand, without script or anything from outside.

use strongroom_monitor::telemetry::{Report, RowReport};
use strongroom_proto::name::Name;

use super::words::number;
use crate::words::utc;

/// Pixels of one panel, and around it.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 180.0;
const MARGIN: f64 = 60.0;
const STEP: f64 = HEIGHT + MARGIN;

/// Classes that get a line of their own.
const COLOURS: [&str; 8] =
    ["#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#17becf"];

/// A point of time, from 0 to 1, and a value.
type Point = (f64, f64);

struct Line<'a> {
    label: String,
    colour: &'a str,
    dashed: bool,
    points: Vec<Point>,
}

/// Of each model: the worst PSI with its threshold, and the shares of classes.
pub(crate) fn plot(reports: &[Report], models: &[Name]) -> String {
    let mut panels = Vec::new();
    for name in models {
        panels.push((format!("{name}: largest PSI, and its threshold (dashed)"), drift(reports, name)));
        panels.push((format!("{name}: share of each class"), classes(reports, name)));
    }
    let span = reports.first().zip(reports.last());
    let span = span.map_or(String::new(), |(first, last)| format!("{} to {}", utc(first.to), utc(last.to)));
    let height = STEP * number(panels.len() as u64) + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{MARGIN}\" y=\"20\">{span}</text>\n",
        WIDTH + 2.0 * MARGIN
    );
    for (at, (title, lines)) in panels.iter().enumerate() {
        svg += &panel(title, lines, MARGIN + STEP * number(at as u64));
    }
    svg + "</svg>\n"
}

/// Where a report stands between the first and the last.
fn times<'a>(reports: &'a [Report], name: &'a Name) -> impl Iterator<Item = (f64, &'a RowReport)> {
    let time = |report: &Report| number(report.to.as_millis());
    let first = reports.first().map_or(0.0, time);
    let span = (reports.last().map_or(0.0, time) - first).max(1.0);
    reports.iter().filter_map(move |report| {
        Some(((time(report) - first) / span, report.models.get(name)?.rows.as_ref()?))
    })
}

fn drift(reports: &[Report], name: &Name) -> Vec<Line<'static>> {
    let judged: Vec<_> = times(reports, name).filter_map(|(at, rows)| Some((at, rows.drift()?))).collect();
    let line = |label: &str, colour, dashed, points| Line { label: label.to_owned(), colour, dashed, points };
    vec![
        line("PSI", "#d62728", false, judged.iter().map(|(at, drift)| (*at, drift.psi)).collect()),
        line(
            "threshold",
            "black",
            true,
            judged.iter().map(|(at, drift)| (*at, drift.psi_threshold)).collect(),
        ),
    ]
}

fn classes(reports: &[Report], name: &Name) -> Vec<Line<'static>> {
    let lines = COLOURS.iter().enumerate().map(|(class, colour)| {
        let share = |rows: &RowReport| rows.class_shares().get(class).copied().flatten();
        let points = times(reports, name).filter_map(|(at, rows)| Some((at, share(rows)?)));
        Line { label: format!("class {class}"), colour, dashed: false, points: points.collect() }
    });
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn panel(title: &str, lines: &[Line<'_>], top: f64) -> String {
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let largest = values.fold(0.0, f64::max).max(1e-9);
    let mut svg = format!(
        "<text x=\"{MARGIN}\" y=\"{}\">{title}</text>\n\
         <rect x=\"{MARGIN}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#999\"/>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{largest:.3}</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">0</text>\n",
        top - 6.0,
        MARGIN - 4.0,
        top + 10.0,
        MARGIN - 4.0,
        top + HEIGHT
    );
    for (at, line) in lines.iter().enumerate() {
        svg += &drawn(line, largest, top);
        let (x, y) = (MARGIN + WIDTH + 4.0, top + 12.0 + 14.0 * number(at as u64));
        svg += &format!(
            "<text x=\"{x}\" y=\"{y}\" fill=\"{}\" font-size=\"9\">{}</text>\n",
            line.colour, line.label
        );
    }
    svg
}

fn drawn(line: &Line<'_>, largest: f64, top: f64) -> String {
    let place = |(at, value): &Point| (MARGIN + at * WIDTH, top + HEIGHT * (1.0 - value / largest));
    let points: String = line.points.iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1} ")).collect();
    let dashes = if line.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    let colour = line.colour;
    let mut svg = format!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\"{dashes}/>\n");
    // One report alone makes no line.
    for (x, y) in line.points.iter().map(place) {
        svg += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{colour}\"/>\n");
    }
    svg
}
