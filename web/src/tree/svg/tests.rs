//! The drawing: well-formed, complete in a file, sparse on the screen, and hit where it is seen.

use expect_test::expect;

use super::*;
use crate::replay::Replay;
use crate::tree::outline::Outline;
use crate::tree::sample;

const RECORDED: &[u8] = include_bytes!("../../../../tests/web/recorded.jsonl");

struct Drawn {
    replay: Replay,
    family: Family,
    lines: Vec<Line>,
    layout: Layout,
}

impl Drawn {
    fn of(replay: Replay, outline: &Outline) -> Self {
        let family = Family::of(replay.search().tree());
        let lines = outline.lines(replay.search().tree(), &family);
        let layout = Layout::of(&lines);
        Self { replay, family, lines, layout }
    }

    fn large() -> Self {
        let (header, events) = sample::search(3000, 10, true);
        let mut replay = Replay::begin(header);
        events.into_iter().for_each(|event| replay.push(event));
        Self::of(replay, &Outline::default())
    }

    fn scene(&self) -> Scene<'_> {
        let (tree, family, lines, layout) = (self.replay.search().tree(), &self.family, &self.lines, &self.layout);
        Scene { tree, family, name: &self.replay.log().header.theorem.name, lines, layout, active: 0 }
    }
}

#[test]
fn a_file_is_well_formed_and_has_every_line() {
    let drawn = Drawn::large();
    let file = document(&drawn.scene());
    let parsed = roxmltree::Document::parse(&file).unwrap();
    let n_nodes =
        parsed.descendants().filter(|node| node.attribute("class").is_some() && node.has_tag_name("g")).count();
    let n_edges = parsed.descendants().filter(|node| node.has_tag_name("path")).count();
    assert_eq!((n_nodes, n_edges), (drawn.lines.len(), drawn.lines.len() - 1));
}

#[test]
fn the_proof_is_thick_and_has_signs() {
    let drawn = Drawn::of(Replay::open(RECORDED).unwrap(), &Outline::default());
    let window = Window { left: 0.0, top: 0.0, width: 180.0, height: 200.0 };
    expect![[r#"
        <g transform="scale(1)">
        <path class="edge some" d="M124 38C162 38 162 20 200 20"><title>constructor
        expanded
        log-probability -1.157
        3 visits</title></path>
        <path class="edge proof" d="M124 38C162 38 162 56 200 56"><title>simp_all
        leads to the proof
        log-probability -1.946
        3 visits</title></path>
        <g class="good"><title>even_product
        leads to the proof
        7 visits</title><rect class="chosen" x="9" y="28" width="116" height="20" rx="4"/><text x="20" y="42" text-anchor="middle">★</text><text x="31" y="42">even_product</text></g>
        </g>
    "#]]
    .assert_eq(&draw(&drawn.scene(), &window, 1.0));
}

#[test]
fn only_what_is_in_sight_is_drawn_and_far_away_it_is_a_few_paths() {
    let drawn = Drawn::large();
    assert!(drawn.lines.len() > 9000, "{}", drawn.lines.len());
    let window = Window { left: 400.0, top: 3000.0, width: 900.0, height: 600.0 };
    let near = draw(&drawn.scene(), &window, 1.0);
    let n_elements = near.matches("</").count();
    assert!((1..1500).contains(&n_elements), "{n_elements}");
    let (width, height) = size(&drawn.layout, 0.05);
    let far = draw(&drawn.scene(), &Window { left: 0.0, top: 0.0, width, height }, 0.05);
    // One path for each kind of edge and dot, the ring of the selection, and the sign where the proof ends.
    assert_eq!(far.matches("/>").count(), EDGES.len() + DOTS.len() + 1);
    assert_eq!(far.matches("<text").count(), 1);
    for scale in [1.0, 0.05] {
        roxmltree::Document::parse(&content(&drawn.scene(), &window, scale)).unwrap();
    }
}

#[test]
fn a_point_hits_the_line_that_is_drawn_there() {
    let drawn = Drawn::large();
    for scale in [1.0, 0.1] {
        for at in (0..drawn.lines.len()).step_by(97) {
            let (x, y) = place(&drawn.lines, &drawn.layout, at, scale).unwrap();
            assert_eq!(hit(&drawn.lines, &drawn.layout, (x, y), scale), Some(at));
        }
    }
    assert_eq!(hit(&drawn.lines, &drawn.layout, (-50.0, -50.0), 1.0), None);
}

#[test]
fn the_whole_fits_into_a_frame() {
    let drawn = Drawn::large();
    let scale = fitting(&drawn.layout, (600.0, 500.0));
    let (width, height) = size(&drawn.layout, scale);
    assert!(height <= 500.5 && width <= 600.5, "{width} x {height} at {scale}");
    let small = Drawn::of(Replay::open(RECORDED).unwrap(), &Outline::default());
    assert!((fitting(&small.layout, (2000.0, 2000.0)) - 1.0).abs() < 1e-9, "nothing is blown up");
    let (width, height) = size(&small.layout, fitting(&small.layout, (300.0, 500.0)));
    assert!(height <= 500.5 && width <= 300.5, "{width} x {height}");
}
