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
