//! The report as one page: figures, and curves as inline SVG; nothing is loaded from elsewhere.

use super::text;
use crate::eval::{Curve, Curves};
use serde_json::Value;
use std::fmt::Write as _;

/// Width and height of a chart, and the margin of its axes.
const SIZE: (f64, f64) = (560.0, 360.0);
const MARGIN: f64 = 46.0;

/// Colours of lines, told apart also by those who see no red or green (Okabe and Ito 2008).
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#999999", "#cc79a7", "#e69f00", "#009e73", "#56b4e9"];

/// Axes of a chart: label and range.
struct Axes<'a> {
    title: &'a str,
    x: (&'a str, f64, f64),
    y: (&'a str, f64, f64),
}

/// Writes the page of a report with the curves of each seed.
pub(super) fn page(report: &Value, curves: &[Curves]) -> String {
    let mut out = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>txwarden eval</title>\n\
         <style>body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;\
         padding:0 1em;color:#222}pre{background:#f6f6f6;padding:1em;overflow:auto}\
         svg{margin:0 1em 1em 0}text{font-size:12px;fill:#444}</style>\n<h1>txwarden eval</h1>\n",
    );
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<h2>Means over seeds, and their range</h2><pre>{}</pre>\n<h2>Curves</h2>\n",
        escape(&text::summary(report))
    );
    for (idx, seed) in curves.iter().enumerate() {
        let name = report["seeds"][idx]["seed"].to_string();
        let title = format!("Precision over recall, seed {name}");
        let unit = ("recall", 0.0, 1.0);
        chart(
            &mut out,
            &Axes { title: &title, x: unit, y: ("precision", 0.0, 1.0) },
            &seed.precision,
            None,
        );
    }
    let calibration: Vec<Curve> = (curves.iter().enumerate())
        .flat_map(|(idx, seed)| seed.calibration.iter().map(move |curve| (idx, curve)))
        .map(|(idx, curve)| Curve {
            name: format!("seed {}", report["seeds"][idx]["seed"]),
            points: curve.points.clone(),
        })
        .collect();
    let axes = Axes {
        title: "Calibration on negatives (below the line: too many small p-values)",
        x: ("−log10 of the nominal p", 0.0, 4.0),
        y: ("−log10 of their share", 0.0, 4.0),
    };
    chart(&mut out, &axes, &calibration, Some([(0.0, 0.0), (4.0, 4.0)]));
    let _ = writeln!(
        out,
        "<h2>Report</h2><details><summary>JSON</summary><pre>{}</pre></details>",
        escape(&format!("{report:#}"))
    );
    out.push_str("</html>\n");
    out
}

fn chart(out: &mut String, axes: &Axes<'_>, curves: &[Curve], guide: Option<[(f64, f64); 2]>) {
    let (width, height) = SIZE;
    let (x_name, x0, x1) = axes.x;
    let (y_name, y0, y1) = axes.y;
    let place = |&(x, y): &(f64, f64)| {
        let px = MARGIN + (x - x0) / (x1 - x0) * (width - MARGIN - 10.0);
        let py = height - MARGIN - (y - y0) / (y1 - y0) * (height - MARGIN - 30.0);
        format!("{px:.1},{py:.1}")
    };
    let line = |points: &[(f64, f64)]| points.iter().map(place).collect::<Vec<_>>().join(" ");
    let _ = write!(
        out,
        "<svg width=\"{width}\" height=\"{height}\" role=\"img\">\
        <title>{0}</title><text x=\"{MARGIN}\" y=\"16\" font-weight=\"bold\">{0}</text>",
        escape(axes.title)
    );
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (x, y) = (x0 + share * (x1 - x0), y0 + share * (y1 - y0));
        for (ends, at, label) in [
            ([(x, y0), (x, y1)], (x, y0), (8.0, 16.0, x)),
            ([(x0, y), (x1, y)], (x0, y), (34.0, -4.0, y)),
        ] {
            let _ =
                write!(out, "<polyline points=\"{}\" stroke=\"#ddd\" fill=\"none\"/>", line(&ends));
            let spot = place(&at);
            let (px, py) = spot.split_once(',').unwrap_or_default();
            let (px, py): (f64, f64) = (px.parse().unwrap_or(0.0), py.parse().unwrap_or(0.0));
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>",
                px - label.0,
                py + label.1,
                label.2
            );
        }
    }
    if let Some(guide) = guide {
        let _ = write!(
            out,
            "<polyline points=\"{}\" stroke=\"#888\" stroke-dasharray=\"4 4\" \
            fill=\"none\"/>",
            line(&guide)
        );
    }
    for (idx, curve) in curves.iter().enumerate() {
        let colour = COLOURS[idx % COLOURS.len()];
        let y = 34.0 + 15.0 * idx as f64;
        let _ = write!(
            out,
            "<polyline points=\"{}\" stroke=\"{colour}\" fill=\"none\" \
            stroke-width=\"1.5\"/><text x=\"{:.0}\" y=\"{y:.0}\" style=\"fill:{colour}\">{}</text>",
            line(&curve.points),
            width - 170.0,
            escape(&curve.name)
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.0}\" y=\"{:.0}\">{}</text>\
        <text x=\"4\" y=\"32\">{}</text></svg>",
        width / 2.0,
        height - 8.0,
        escape(x_name),
        escape(y_name)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
