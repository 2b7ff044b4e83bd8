//! Where the lines of the outline lie when they are drawn as a tree.
//!
//! The layered tidy layout of Buchheim, Jünger and Leipert ("Improving Walker's Algorithm to Run in Linear Time", 2002):
//! siblings are in their order and evenly spread, a parent is in the middle of its children, and equal branches look
//! equal. Lines come parents first, so that two loops do what the paper's recursions do, and no depth overflows the stack.

use super::outline::Line;

/// Places across the layers, in units of the distance between neighbours; the layers are the lines' levels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// One per line, from 0.
    pub across: Vec<f64>,
    /// The greatest of them.
    pub breadth: f64,
    /// How many layers there are.
    pub n_layers: u32,
}

impl Layout {
    /// Lays out the lines.
    #[must_use]
    pub fn of(lines: &[Line]) -> Self {
        let mut walk = Walk::new(lines);
        // Backwards, every line comes after all that hangs on it.
        (0..lines.len()).rev().for_each(|at| walk.place_children(at));
        if let Some(root) = walk.spots.first_mut() {
            root.prelim = root.middle;
        }
        let mut across: Vec<f64> = Vec::with_capacity(lines.len());
        let mut moved_by: Vec<f64> = Vec::with_capacity(lines.len());
        for (at, line) in lines.iter().enumerate() {
            let above = if at == 0 { 0.0 } else { moved_by[line.parent as usize] };
            across.push(walk.spots[at].prelim + above);
            moved_by.push(walk.spots[at].modifier + above);
        }
        let least = across.iter().copied().fold(f64::INFINITY, f64::min);
        across.iter_mut().for_each(|place| *place -= least);
        let breadth = across.iter().copied().fold(0.0, f64::max);
        Self { across, breadth, n_layers: lines.iter().map(|line| line.level).max().unwrap_or(0) }
    }
}

/// What the paper keeps at a node.
#[derive(Clone, Copy, Debug)]
struct Spot {
    prelim: f64,
    modifier: f64,
    shift: f64,
    change: f64,
    /// The middle of its children.
    middle: f64,
    /// The next on a contour, where that is none of its children.
    thread: Option<usize>,
    ancestor: usize,
    parent: usize,
    /// Its place among its siblings.
    number: u32,
}

struct Walk {
    spots: Vec<Spot>,
    /// The lines in the order of their parents; `first[at]..first[at + 1]` are the children of `at`.
    children: Vec<usize>,
    first: Vec<usize>,
}

impl Walk {
    fn new(lines: &[Line]) -> Self {
        let spot = |(at, line): (usize, &Line)| Spot {
            prelim: 0.0,
            modifier: 0.0,
            shift: 0.0,
            change: 0.0,
            middle: 0.0,
            thread: None,
            ancestor: at,
            parent: line.parent as usize,
            number: line.place,
        };
        let mut first = vec![0; lines.len() + 1];
        for line in lines.iter().skip(1) {
            first[line.parent as usize + 1] += 1;
        }
        for at in 0..lines.len() {
            first[at + 1] += first[at];
        }
        let mut next = first.clone();
        let mut children = vec![0; lines.len().saturating_sub(1)];
        for (at, line) in lines.iter().enumerate().skip(1) {
            let place = &mut next[line.parent as usize];
            children[*place] = at;
            *place += 1;
        }
        Self { spots: lines.iter().enumerate().map(spot).collect(), children, first }
    }

    /// The paper's `FirstWalk` for the children of a line, whose own children are placed already.
    fn place_children(&mut self, at: usize) {
        let range = self.first[at]..self.first[at + 1];
        let Some(&leftmost) = self.children.get(range.start).filter(|_| !range.is_empty()) else { return };
        let mut default_ancestor = leftmost;
        for place in range.clone() {
            let child = self.children[place];
            let middle = self.spots[child].middle;
            if place == range.start {
                self.spots[child].prelim = middle;
            } else {
                let left = self.children[place - 1];
                let prelim = self.spots[left].prelim + 1.0;
                self.spots[child].prelim = prelim;
                self.spots[child].modifier = prelim - middle;
                self.apportion(child, left, leftmost, &mut default_ancestor);
            }
        }
        let (mut shift, mut change) = (0.0, 0.0);
        for place in range.clone().rev() {
            let spot = &mut self.spots[self.children[place]];
            spot.prelim += shift;
            spot.modifier += shift;
            change += spot.change;
            shift += spot.shift + change;
        }
        let last = self.children[range.end - 1];
        self.spots[at].middle = f64::midpoint(self.spots[leftmost].prelim, self.spots[last].prelim);
    }

    /// Moves a branch away from those to its left, and spreads the gap among the branches between.
    fn apportion(&mut self, at: usize, left: usize, leftmost: usize, default_ancestor: &mut usize) {
        let (mut inner_right, mut outer_right, mut inner_left, mut outer_left) = (at, at, left, leftmost);
        let modifier = |walk: &Self, at: usize| walk.spots[at].modifier;
        let (mut sum_ir, mut sum_or) = (modifier(self, at), modifier(self, at));
        let (mut sum_il, mut sum_ol) = (modifier(self, left), modifier(self, leftmost));
        let (mut below_left, mut below_right) = (self.next_right(inner_left), self.next_left(inner_right));
        while let (Some(next_il), Some(next_ir)) = (below_left, below_right) {
            (inner_left, inner_right) = (next_il, next_ir);
            // The outer contours reach as deep as the inner ones.
            outer_left = self.next_left(outer_left).unwrap_or(outer_left);
            outer_right = self.next_right(outer_right).unwrap_or(outer_right);
            self.spots[outer_right].ancestor = at;
            let gap = self.spots[inner_left].prelim + sum_il - (self.spots[inner_right].prelim + sum_ir) + 1.0;
            if gap > 0.0 {
                let ancestor = self.spots[inner_left].ancestor;
                let is_sibling = self.spots[ancestor].parent == self.spots[at].parent;
                self.move_branch(if is_sibling { ancestor } else { *default_ancestor }, at, gap);
                sum_ir += gap;
                sum_or += gap;
            }
            sum_il += modifier(self, inner_left);
            sum_ir += modifier(self, inner_right);
            sum_ol += modifier(self, outer_left);
            sum_or += modifier(self, outer_right);
            (below_left, below_right) = (self.next_right(inner_left), self.next_left(inner_right));
        }
        if below_left.is_some() && self.next_right(outer_right).is_none() {
            self.spots[outer_right].thread = below_left;
            self.spots[outer_right].modifier += sum_il - sum_or;
        }
        if below_right.is_some() && self.next_left(outer_left).is_none() {
            self.spots[outer_left].thread = below_right;
            self.spots[outer_left].modifier += sum_ir - sum_ol;
            *default_ancestor = at;
        }
    }

    fn move_branch(&mut self, from: usize, to: usize, by: f64) {
        let n_between = f64::from(self.spots[to].number - self.spots[from].number);
        self.spots[from].change += by / n_between;
        let spot = &mut self.spots[to];
        spot.change -= by / n_between;
        spot.shift += by;
        spot.prelim += by;
        spot.modifier += by;
    }

    fn next_left(&self, at: usize) -> Option<usize> {
        let (start, end) = (self.first[at], self.first[at + 1]);
        if start < end { Some(self.children[start]) } else { self.spots[at].thread }
    }

    fn next_right(&self, at: usize) -> Option<usize> {
        let (start, end) = (self.first[at], self.first[at + 1]);
        if start < end { Some(self.children[end - 1]) } else { self.spots[at].thread }
    }
}

#[cfg(test)]
mod tests;
