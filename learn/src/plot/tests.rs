//! Plots as text: what is drawn, what is escaped, and that the nastiest input still gives a document.

use expect_test::{Expect, expect};

use super::svg::{DASHES, MARKERS};
use super::*;

fn curve(name: &str, values: &[f64]) -> Curve {
    Curve { name: name.into(), note: format!("{} proved", values.len()), values: values.to_vec() }
}

fn plot(total: u64, curves: Vec<Curve>) -> StepPlot {
    StepPlot {
        title: "Solved".into(),
        subtitle: "within a cost".into(),
        description: "In words.".into(),
        x_label: "seconds".into(),
        y_label: "problems".into(),
        total,
        curves,
    }
}

/// The document without its style sheet.
fn check(plot: &StepPlot, expected: Expect) {
    let svg = plot.to_svg();
    let (head, rest) = svg.split_once("<style>").unwrap();
    let (_, tail) = rest.split_once("</style>\n").unwrap();
    expected.assert_eq(&format!("{head}{tail}"));
}

#[test]
fn a_plot_is_steps_marks_and_a_legend() {
    check(
        &plot(3, vec![curve("base", &[1.0, 4.0]), curve("wide", &[2.0, 3.0, 9.0])]),
        expect![[r#"
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 460" width="800" height="460" role="img" aria-labelledby="title desc">
            <title id="title">Solved</title>
            <desc id="desc">In words.</desc>
            <rect class="surface" width="800" height="460"/>
            <text x="20.0" y="34.0" class="title">Solved</text>
            <text x="20.0" y="55.0" class="faint">within a cost</text>
            <path class="axis" d="M56 400.0H556"/>
            <text x="48.0" y="404.0" class="faint number" text-anchor="end">0</text>
            <path class="grid" d="M56 300.0H556"/>
            <text x="48.0" y="304.0" class="faint number" text-anchor="end">1</text>
            <path class="grid" d="M56 200.0H556"/>
            <text x="48.0" y="204.0" class="faint number" text-anchor="end">2</text>
            <path class="grid" d="M56 100.0H556"/>
            <text x="48.0" y="104.0" class="faint number" text-anchor="end">3</text>
            <path class="axis" d="M56.0 400v5"/>
            <text x="56.0" y="420.0" class="faint number" text-anchor="middle">1</text>
            <path class="axis" d="M206.5 400v5"/>
            <text x="206.5" y="420.0" class="faint number" text-anchor="middle">2</text>
            <path class="axis" d="M405.5 400v5"/>
            <text x="405.5" y="420.0" class="faint number" text-anchor="middle">5</text>
            <path class="axis" d="M556.0 400v5"/>
            <text x="556.0" y="420.0" class="faint number" text-anchor="middle">10</text>
            <text x="20.0" y="84.0" class="faint">problems</text>
            <text x="306.0" y="442.0" class="faint" text-anchor="middle">seconds</text>
            <g class="c0"><title>base</title>
            <path class="curve" stroke-dasharray="none" d="M56.0 400H56.0V300.0H357.0V200.0H556"/>
            </g>
            <g class="c1"><title>wide</title>
            <path class="curve" stroke-dasharray="7 4" d="M206.5 400H206.5V300.0H294.6V200.0H533.1V100.0H556"/>
            </g>
            <g class="c0">
            <path class="mark" d="M56.0 300.0m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"/>
            <path class="mark" d="M357.0 200.0m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"/>
            <path class="mark" d="M556.0 200.0m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"/>
            </g>
            <g class="c1">
            <path class="mark" d="M206.5 300.0m-4 -4h8v8h-8z"/>
            <path class="mark" d="M294.6 200.0m-4 -4h8v8h-8z"/>
            <path class="mark" d="M533.1 100.0m-4 -4h8v8h-8z"/>
            <path class="mark" d="M540.0 100.0m-4 -4h8v8h-8z"/>
            </g>
            <g class="c1">
            <path class="curve" stroke-dasharray="7 4" d="M584 100h36"/>
            <path class="mark" d="M602.0 100.0m-4 -4h8v8h-8z"/>
            </g>
            <text x="630.0" y="104.5">wide</text>
            <text x="630.0" y="120.5" class="faint">3 proved</text>
            <g class="c0">
            <path class="curve" stroke-dasharray="none" d="M584 142h36"/>
            <path class="mark" d="M602.0 142.0m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"/>
            </g>
            <text x="630.0" y="146.5">base</text>
            <text x="630.0" y="162.5" class="faint">2 proved</text>
            </svg>
        "#]],
    );
}

#[test]
fn nothing_solved_is_a_flat_line() {
    let svg = plot(0, vec![curve("none", &[])]).to_svg();
    assert!(svg.contains("stroke-dasharray=\"none\" d=\"M56.0 400H556\""), "{svg}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn names_from_outside_cannot_break_out() {
    let name = "</text><script>alert(\"1\")</script>&\u{7}\u{1b}[31m";
    let svg = plot(1, vec![curve(name, &[1.0])]).to_svg();
    assert!(!svg.contains("<script") && !svg.contains('\u{7}') && !svg.contains('\u{1b}'), "{svg}");
    expect!["&lt;/text&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;��[31m"].assert_eq(&escaped(name));
    expect!["12345678901234567890…"].assert_eq(&shortened("123456789012345678901"));
}

#[test]
fn many_curves_look_different() {
    let look = |idx: usize| (idx % N_COLOURS, idx % DASHES.len(), idx % MARKERS.len());
    let looks: std::collections::BTreeSet<_> = (0..210).map(look).collect();
    assert_eq!(looks.len(), 210);
    let names: Vec<String> = (0..12).map(|idx| format!("curve {idx}")).collect();
    let svg = plot(1, names.iter().map(|name| curve(name, &[1.0])).collect()).to_svg();
    // The page grows with its legend.
    assert!(svg.contains("height=\"620\""), "{}", &svg[..200]);
}

/// A drawing's body: what stands between its heading and its end.
fn check_drawing(drawing: &Drawing, expected: Expect) {
    let svg = drawing.inline("id");
    let (_, tail) = svg.split_once("<desc id=\"id-desc\">In words.</desc>\n").unwrap();
    expected.assert_eq(tail);
    let document = drawing.document();
    assert!(document.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=") && document.contains(STYLE));
    roxmltree::Document::parse(&document).unwrap();
    roxmltree::Document::parse(&svg).unwrap();
}

#[test]
fn points_have_intervals_and_lines_break() {
    let fit = Series {
        name: "fit".into(),
        note: "slope 1".into(),
        look: Look::Fit,
        points: vec![Point::new(1.0, 1.0), Point::new(100.0, 100.0)],
    };
    let line = Series {
        name: "rate".into(),
        note: String::new(),
        look: Look::LineAndMarks,
        points: vec![
            Point { x: 1.0, y: 10.0, interval: Some((5.0, 20.0)) },
            Point::new(10.0, 20.0),
            Point::BREAK,
            // A logarithm has no place for it.
            Point::new(20.0, 0.0),
            Point::new(100.0, 50.0),
        ],
    };
    let plot = PointPlot {
        title: "Points".into(),
        subtitle: "on logarithmic axes".into(),
        description: "In words.".into(),
        x_label: "x".into(),
        x: Scale::Log,
        y_label: "y".into(),
        y: Scale::Log,
        series: vec![fit, line],
        divisions: vec![(10.0, "half".into())],
    };
    check_drawing(
        &plot.draw(),
        expect![[r#"
        <rect class="surface" width="480" height="448"/>
        <text x="16.0" y="28.0" class="heading">Points</text>
        <text x="16.0" y="48.0" class="faint">on logarithmic axes</text>
        <text x="16.0" y="76.0" class="faint">y</text>
        <path class="axis" d="M62 340.0H460"/>
        <text x="54.0" y="344.0" class="faint number" text-anchor="end">1</text>
        <path class="grid" d="M62 303.0H460"/>
        <text x="54.0" y="307.0" class="faint number" text-anchor="end">2</text>
        <path class="grid" d="M62 254.0H460"/>
        <text x="54.0" y="258.0" class="faint number" text-anchor="end">5</text>
        <path class="grid" d="M62 217.0H460"/>
        <text x="54.0" y="221.0" class="faint number" text-anchor="end">10</text>
        <path class="grid" d="M62 180.0H460"/>
        <text x="54.0" y="184.0" class="faint number" text-anchor="end">20</text>
        <path class="grid" d="M62 131.0H460"/>
        <text x="54.0" y="135.0" class="faint number" text-anchor="end">50</text>
        <path class="grid" d="M62 94.0H460"/>
        <text x="54.0" y="98.0" class="faint number" text-anchor="end">100</text>
        <path class="axis" d="M62 340H460"/>
        <text x="261.0" y="384.0" class="faint" text-anchor="middle">x</text>
        <path class="axis" d="M62.0 340v5"/>
        <text x="62.0" y="360.0" class="faint number" text-anchor="middle">1</text>
        <path class="axis" d="M121.9 340v5"/>
        <text x="121.9" y="360.0" class="faint number" text-anchor="middle">2</text>
        <path class="axis" d="M201.1 340v5"/>
        <text x="201.1" y="360.0" class="faint number" text-anchor="middle">5</text>
        <path class="axis" d="M261.0 340v5"/>
        <text x="261.0" y="360.0" class="faint number" text-anchor="middle">10</text>
        <path class="axis" d="M320.9 340v5"/>
        <text x="320.9" y="360.0" class="faint number" text-anchor="middle">20</text>
        <path class="axis" d="M400.1 340v5"/>
        <text x="400.1" y="360.0" class="faint number" text-anchor="middle">50</text>
        <path class="axis" d="M460.0 340v5"/>
        <text x="460.0" y="360.0" class="faint number" text-anchor="middle">100</text>
        <path class="grid" d="M261.0 94V340"/>
        <text x="262.0" y="90.0" class="faint number">half</text>
        <g class="c0">
        <path class="fit" d="M62.0 340.0L460.0 94.0"/>
        </g>
        <g class="c1">
        <path class="curve" stroke-dasharray="7 4" d="M62.0 217.0L261.0 180.0"/>
        <path class="interval" d="M62.0 254.0V180.0M59.0 254.0h6M59.0 180.0h6"/>
        <path class="mark" d="M62.0 217.0m-4 -4h8v8h-8z"/>
        <path class="mark" d="M261.0 180.0m-4 -4h8v8h-8z"/>
        <path class="curve" stroke-dasharray="7 4" d="M460.0 131.0"/>
        <path class="mark" d="M460.0 131.0m-4 -4h8v8h-8z"/>
        </g>
        <g class="c0">
        <path class="fit" d="M16 412h36"/>
        </g>
        <text x="62.0" y="416.5">fit: slope 1</text>
        <g class="c1">
        <path class="curve" stroke-dasharray="7 4" d="M16 436h36"/>
        <path class="mark" d="M34.0 436.0m-4 -4h8v8h-8z"/>
        </g>
        <text x="62.0" y="440.5">rate</text>
        </svg>
    "#]],
    );
}

#[test]
fn bars_are_stacked_or_side_by_side() {
    let series =
        |name: &str, values: &[f64]| BarSeries { name: name.into(), note: "n = 3".into(), values: values.into() };
    let plot = |arrangement| BarPlot {
        title: "Bars".into(),
        subtitle: String::new(),
        description: "In words.".into(),
        x_label: "round".into(),
        y_label: "hours".into(),
        places: vec!["1".into(), "2".into()],
        series: vec![series("scan", &[1.0, 2.5]), series("deep", &[3.0, f64::NAN])],
        arrangement,
    };
    check_drawing(
        &plot(Arrangement::Stacked).draw(),
        expect![[r#"
        <rect class="surface" width="480" height="448"/>
        <text x="16.0" y="28.0" class="heading">Bars</text>
        <text x="16.0" y="48.0" class="faint"></text>
        <text x="16.0" y="76.0" class="faint">hours</text>
        <path class="axis" d="M62 340.0H460"/>
        <text x="54.0" y="344.0" class="faint number" text-anchor="end">0</text>
        <path class="grid" d="M62 278.5H460"/>
        <text x="54.0" y="282.5" class="faint number" text-anchor="end">1</text>
        <path class="grid" d="M62 217.0H460"/>
        <text x="54.0" y="221.0" class="faint number" text-anchor="end">2</text>
        <path class="grid" d="M62 155.5H460"/>
        <text x="54.0" y="159.5" class="faint number" text-anchor="end">3</text>
        <path class="grid" d="M62 94.0H460"/>
        <text x="54.0" y="98.0" class="faint number" text-anchor="end">4</text>
        <path class="axis" d="M62 340H460"/>
        <text x="261.0" y="384.0" class="faint" text-anchor="middle">round</text>
        <path class="axis" d="M161.5 340v5"/>
        <text x="161.5" y="360.0" class="faint number" text-anchor="middle">1</text>
        <g class="c0"><title>1, scan: 1</title><rect class="bar" x="139.5" y="278.5" width="44.0" height="61.5"/></g>
        <g class="c1"><title>1, deep: 3</title><rect class="bar" x="139.5" y="94.0" width="44.0" height="184.5"/></g>
        <path class="axis" d="M360.5 340v5"/>
        <text x="360.5" y="360.0" class="faint number" text-anchor="middle">2</text>
        <g class="c0"><title>2, scan: 2.5</title><rect class="bar" x="338.5" y="186.2" width="44.0" height="153.8"/></g>
        <path class="axis" d="M62 340H460"/>
        <g class="c0"><rect class="bar" x="26.0" y="405.0" width="16.0" height="14.0"/></g>
        <text x="62.0" y="416.5">scan: n = 3</text>
        <g class="c1"><rect class="bar" x="26.0" y="429.0" width="16.0" height="14.0"/></g>
        <text x="62.0" y="440.5">deep: n = 3</text>
        </svg>
    "#]],
    );
    let rects = |arrangement| {
        let svg = plot(arrangement).draw().inline("id");
        let rects: Vec<&str> =
            svg.lines().filter_map(|line| line.split_once("<rect class=\"bar\" ")?.1.strip_suffix("/></g>")).collect();
        rects.join("\n")
    };
    expect![[r#"
        x="117.5" y="258.0" width="44.0" height="82.0"
        x="161.5" y="94.0" width="44.0" height="246.0"
        x="316.5" y="135.0" width="44.0" height="205.0"
        x="26.0" y="405.0" width="16.0" height="14.0"
        x="26.0" y="429.0" width="16.0" height="14.0""#]]
    .assert_eq(&rects(Arrangement::SideBySide));
}
