//! The last touch: short bodies on the line of their arm, and lines that are too long on several.

use super::script::{Kind, Script, reindent};

/// Lean's own limit is 100, and a proof stands two columns further right than its text.
const WIDTH: usize = 98;

/// The text laid out anew; `None` when it is as it should be.
pub(super) fn laid_out(text: &str) -> Option<String> {
    let out = broken(&pulled_up(&pushed_down(text)));
    (out != text).then_some(out)
}

/// Bodies of several lines that begin on the line of their arm, below it.
fn pushed_down(text: &str) -> String {
    let mut out = text.to_owned();
    // One at a time, outermost first: moving one moves those inside it.
    for _ in 0..20 {
        let script = Script::parse(&out);
        let mut edit = None;
        script.visit(&mut |block, idx| {
            let item = &block.items[idx];
            if edit.is_some() || !matches!(item.kind, Kind::Arms(_) | Kind::Case) {
                return;
            }
            for body in &item.blocks {
                let (Some(first), Some(last)) = (body.items.first(), body.items.last()) else { continue };
                let before = out[..first.span.start].trim_end();
                let is_on_its_line = !out[before.len()..first.span.start].contains('\n');
                let inside = &out[first.span.start..last.span.end];
                if edit.is_none() && is_on_its_line && inside.contains('\n') {
                    let line = before.rsplit('\n').next().unwrap_or_default();
                    let column = line.len() - line.trim_start().len() + 2;
                    let moved = format!("\n{}{}", " ".repeat(column), reindent(inside, body.column, column));
                    edit = Some((before.len()..last.span.end, moved));
                }
            }
        });
        match edit {
            Some((span, moved)) => out.replace_range(span, &moved),
            None => break,
        }
    }
    out
}

/// Bodies of one line that stand alone below their `=>` or bullet, on its line.
fn pulled_up(text: &str) -> String {
    let script = Script::parse(text);
    let mut gaps = Vec::new();
    script.visit(&mut |block, idx| {
        let item = &block.items[idx];
        if !matches!(item.kind, Kind::Arms(_) | Kind::Case) {
            return;
        }
        for body in &item.blocks {
            let [only] = body.items.as_slice() else { continue };
            let before = text[..only.span.start].trim_end();
            let gap = &text[before.len()..only.span.start];
            let line = before.rsplit('\n').next().unwrap_or_default().chars().count();
            let body = script.of(only);
            if gap.contains('\n') && !body.contains('\n') && line + 1 + body.chars().count() <= WIDTH {
                gaps.push(before.len()..only.span.start);
            }
        }
    });
    let mut out = text.to_owned();
    gaps.sort_by_key(|gap| gap.start);
    for gap in gaps.into_iter().rev() {
        out.replace_range(gap, " ");
    }
    out
}

/// Lines that are too long broken behind commas and before `<;>`.
fn broken(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let indent = " ".repeat(base_indent(line) + 2);
        let mut rest = line.to_owned();
        while rest.chars().count() > WIDTH
            && let Some(at) = break_of(&rest)
        {
            lines.push(rest[..at].trim_end().to_owned());
            rest = format!("{indent}{}", rest[at..].trim_start());
        }
        lines.push(rest);
    }
    lines.join("\n")
}

/// The column of the tactic on a line behind its bullet or arm.
fn base_indent(line: &str) -> usize {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let body = line.trim_start();
    if body.starts_with("· ") { indent + 2 } else { indent }
}

/// The last place within the width where a line may be broken.
fn break_of(line: &str) -> Option<usize> {
    let script = Script::parse(line);
    let n = (0..).take_while(|idx| !script.token(*idx).is_empty()).count();
    let mut best = None;
    for idx in 0..n {
        let word = script.token(idx);
        let is_chain = word == "<" && script.token(idx + 1) == ";" && script.touches(idx + 1);
        let at = match word {
            "," => script.span(idx).end,
            "<" if is_chain && idx > 0 => script.span(idx).start,
            _ => continue,
        };
        if line[..at].chars().count() <= WIDTH && at > line.len() - line.trim_start().len() {
            best = Some(at);
        }
    }
    best
}
